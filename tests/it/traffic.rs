//! What logs say of traffic: who spoke with whom, how many bytes went which way, and what became of it.

use std::fs;

use exfiltrace::detect::{Program, Routing};
use exfiltrace::format;
use exfiltrace::model::fields::{Canon, Fields, Want};
use exfiltrace::model::observation::{ObservationKey, Seen, Sum};
use exfiltrace::model::rule::Outcome;

use crate::formats::{fields_of, layout_of, scanned, shared};

/// Rows of proxies and firewalls as products and spreadsheets write them: what left is counted in each.
#[test]
fn uploads_in_tables_are_transfers_whatever_the_columns_are_called() {
    let tables = [
        "timestamp,client_ip,username,method,url,status,bytes_sent,bytes_received,user_agent\n\
         2026-02-10 15:05:00,10.20.1.7,COUNCIL\\u5,POST,https://mega.nz/up,200,1500000000,900,rclone/v1\n",
        "@timestamp,source.ip,user.name,http.request.method,url.full,source.bytes,destination.bytes\n\
         2026-02-10T15:05:00Z,10.20.1.7,u5,POST,https://mega.nz/up,1500000000,900\n",
        "datetime,action,responsesize,requestsize,ClientIP,serverip,requestmethod,url,user\n\
         2026-02-10 15:05:00,Allowed,900,1500000000,10.20.1.7,203.0.113.50,POST,mega.nz/up,u5\n",
        "timestamp,src_ip,user,dest_host,url,bytes_out,bytes_in\n\
         2026-02-10 15:05:00,10.20.1.7,u5,mega.nz,https://mega.nz/up,1500000000,900\n",
        "Receive Time,Type,Source address,Destination address,Action,Bytes Sent,Bytes Received\n\
         2026/02/10 15:05:00,TRAFFIC,10.20.1.7,203.0.113.50,allow,1500000000,900\n",
        "date,time,src,dst,service,action,sent_bytes,rcvd_bytes\n\
         2026-02-10,15:05:00,10.20.1.7,203.0.113.50,443,allow,1500000000,900\n",
    ];
    for table in tables {
        let source = scanned("t.csv", table.as_bytes(), "", |_| {});
        let sums: Vec<u64> = source.observations.kept.values().map(|seen| seen.sum().up).collect();
        assert_eq!(sums, [1_500_000_000], "{table}{:?}", source.entry);
        let key = source.observations.kept.keys().next().unwrap();
        assert!(matches!((key.name, key.server), ("mega.nz", _) | (_, "203.0.113.50")), "{key:?}");
    }
    let blind = "timestamp,client_ip,url\n2026-02-10 15:05:00,10.20.1.7,https://mega.nz/up\n";
    let source = scanned("t.csv", blind.as_bytes(), "", |_| {});
    assert_eq!(source.observations.kept.values().map(|seen| seen.sum().up_unlogged).collect::<Vec<_>>(), [1]);
}

/// What a log says of its only conversation: kind, client, server, name, outcome, sum.
fn conversations(name: &str, text: &str) -> Vec<(ObservationKey, Sum)> {
    let source = scanned(name, text.as_bytes(), "", |_| {});
    source.observations.kept.iter().map(|(key, seen)| (key.to_owned(), seen.sum())).collect()
}

#[test]
fn a_proxy_that_logs_the_parts_of_urls_is_a_proxy() {
    let row = "2026-03-28 10:00:01 10.1.0.5 POST";
    for (fields, cells) in [
        ("cs-uri-scheme cs-host cs-uri-stem", "https drop.bad.example /u"),
        ("cs-host cs-uri-port cs-uri-stem", "drop.bad.example 443 /u"),
        ("cs-host cs-uri-path", "drop.bad.example /u"),
        ("cs-host cs-uri-stem rs(Content-Type)", "drop.bad.example /u text/html"),
    ] {
        let text = format!(
            "#Fields: date time c-ip cs-method {fields} s-ip sc-status sc-bytes cs-bytes\n\
             {row} {cells} 10.1.0.2 200 90 1500000000\n{row} {} 10.1.0.2 403 90 70\n",
            cells.split(' ').map(|_| "-").collect::<Vec<_>>().join(" ")
        );
        let seen = conversations("p.log", &text);
        assert!(seen.iter().all(|(key, _)| key.seen == Seen::Proxy && &*key.client == "10.1.0.5"), "{seen:?}");
        let (key, sum) = seen.iter().find(|(key, _)| !key.name.is_empty()).unwrap();
        assert_eq!(
            (&*key.name, &*key.server, sum.up, sum.down),
            ("drop.bad.example", "", 1_500_000_000, 90),
            "{fields}"
        );
    }
    // A server logs the host that was asked for as well.
    let server = "#Software: Microsoft Internet Information Services 10.0\n\
                  #Fields: date time c-ip cs-method cs-host cs-uri-stem cs-uri-query s-port sc-status sc-bytes cs-bytes\n\
                  2026-03-28 10:00:01 198.51.100.7 GET www.rv.example /u - 443 200 90 70\n";
    assert!(matches!(&conversations("s.log", server)[..], [(key, _)] if key.seen == Seen::Web));
    let named = server.replace("Microsoft Internet Information Services 10.0", "SGOS 6.7");
    assert!(matches!(&conversations("n.log", &named)[..], [(key, _)] if key.seen == Seen::Proxy));
}

#[test]
fn the_parts_of_a_url_make_it_whole() {
    let url = |scheme: &str, port: &str, path: &str, query: &str| {
        let row = format!("2026-03-28 10:00:01 10.1.0.5 GET {scheme} a.example {port} {path} {query}");
        let text = format!(
            "#Fields: date time c-ip cs-method cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query\n{row}\n"
        );
        fields_of(&text).into_iter().find(|f| f.0 == "url.full").map(|f| f.1)
    };
    assert_eq!(url("https", "443", "/u", "?b=1").as_deref(), Some("https://a.example/u?b=1"));
    assert_eq!(url("http", "8080", "/u", "b=1").as_deref(), Some("http://a.example:8080/u?b=1"));
    assert_eq!(url("tcp", "443", "/", "-").as_deref(), Some("tcp://a.example:443/"));
    assert_eq!(url("-", "443", "/u", "-"), None, "no scheme is made up");
}

#[test]
fn rules_for_urls_see_those_that_a_proxy_logs_in_parts() {
    let rule = "title: upload\nid: 6f0c6d0e-1b1e-4a53-8d77-0d3f6f3a1c01\nlogsource:\n  category: proxy\n\
                detection:\n  s:\n    c-uri|contains: 'bad.example:8443/up?id='\n  condition: s\nlevel: high\n";
    let text = "#Fields: date time c-ip cs-method cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query sc-status\n\
                2026-03-28 10:00:01 10.1.0.5 POST https drop.bad.example 8443 /up ?id=7 200\n\
                2026-03-28 10:00:02 10.1.0.5 POST https drop.bad.example 8443 /down ?id=7 200\n";
    let source = scanned("p.log", text.as_bytes(), "", |plan| {
        let (program, problems) = Program::compile([("r.yml".into(), rule.into())], Routing::Auto);
        assert!(problems.is_empty(), "{problems:?}");
        plan.program = program;
    });
    assert_eq!(source.rules.held.values().map(|met| met.count).collect::<Vec<_>>(), [1]);
}

#[test]
fn vpc_flow_logs_are_flows_of_who_opened_them() {
    let header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";
    let rows = "2 123456789012 eni-0a 10.0.1.5 203.0.113.9 51234 443 6 20 1500000000 1774739404 1774739464 ACCEPT OK\n\
                2 123456789012 eni-0a 203.0.113.9 10.0.1.5 443 51234 6 20 900 1774739404 1774739464 ACCEPT OK\n\
                2 123456789012 eni-0a 198.51.100.7 10.0.1.5 40000 3389 6 20 77 1774739404 1774739464 REJECT OK\n\
                2 123456789012 eni-0a - - - - - - - 1774739404 1774739464 - NODATA\n";
    let texts = [
        rows.to_owned(),
        format!("{header}\n{rows}"),
        format!("{header}\n{rows}{header}\n"),
        rows.lines().map(|row| format!("2026-03-28T23:12:04.000Z {row}\n")).collect(),
    ];
    for text in texts {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
        for bytes in [text.clone().into_bytes(), packed.finish().unwrap()] {
            let source = scanned("flow.log.gz", &bytes, "", |_| {});
            assert_eq!((source.entry.format.as_deref(), source.entry.records), (Some("vpcflow"), 4), "{text}");
            assert!(source.entry.notes.is_empty(), "{:?}", source.entry.notes);
            let told = source.observations.kept.iter().map(|(key, seen)| {
                let sum = seen.sum();
                let way = (key.seen, key.client, key.server, key.port, key.outcome);
                (way, (sum.records, sum.up, sum.up_unlogged, sum.down, sum.down_unlogged))
            });
            let wanted = [
                ((Seen::Flow, "10.0.1.5", "203.0.113.9", 443, Outcome::Succeeded), (2, 1_500_000_000, 0, 900, 0)),
                ((Seen::Flow, "198.51.100.7", "10.0.1.5", 3389, Outcome::Failed), (1, 0, 0, 0, 0)),
            ];
            assert_eq!(told.collect::<Vec<_>>(), wanted, "{text}");
            let span = source.covered.span.unwrap();
            assert_eq!((&*span.first.to_string(), span.first), ("2026-03-28T23:10:04Z", span.last));
        }
    }
}

#[test]
fn cef_says_which_way_bytes_went_bare_and_in_syslog() {
    let pairs = "rt=1774739404000 src=10.1.0.5 dst=203.0.113.9 spt=4000 dpt=443 act=allow in=90 out=1500000000";
    let event = |vendor: &str, more: &str| format!("CEF:0|{vendor}|P|1|100|a name|3|{pairs}{more}");
    for (vendor, more, up) in [
        ("Palo Alto Networks", "", 1_500_000_000),
        ("Vendor", " deviceDirection=1", 1_500_000_000),
        ("Vendor", " deviceDirection=0", 90),
        ("Vendor", "", 90),
    ] {
        let event = event(vendor, more);
        for (line, format) in [
            (event.clone(), "cef"),
            (format!("<134>Mar 28 23:10:04 fw01 {event}"), "syslog3164"),
            (format!("Mar 28 23:10:04 {event}"), "syslog3164"),
            (format!("2026-03-28T23:10:04Z fw01 {event}"), "syslog3164"),
            (format!("<134>1 2026-03-28T23:10:04Z fw01 app - - - {event}"), "syslog5424"),
        ] {
            let source = scanned("cef.log", format!("{line}\n").as_bytes(), "", |_| {});
            assert_eq!((source.entry.format.as_deref(), source.entry.untimed), (Some(format), 0), "{line}");
            let (key, seen) = source.observations.kept.iter().next().unwrap();
            let told = (key.seen, key.client, key.server, key.port, key.outcome, seen.sum().up);
            assert_eq!(told, (Seen::Firewall, "10.1.0.5", "203.0.113.9", 443, Outcome::Succeeded, up), "{line}");
        }
    }
    let proxy = "CEF:0|V|P|1|1|web|3|rt=1774739404000 src=10.1.0.5 request=https://drop.bad.example/up requestMethod=POST act=allow in=1500000000";
    let [(key, sum)] = &conversations("proxy.log", proxy)[..] else { panic!() };
    assert_eq!((key.seen, &*key.name, sum.up, key.sends), (Seen::Proxy, "drop.bad.example", 1_500_000_000, true));
}

#[test]
fn queries_of_name_servers_are_dns() {
    let bind = "client @0x7f0a 10.0.0.1#53000 (a1.x.evil.example): query: a1.x.evil.example IN TXT +E(0)K (10.0.0.53)";
    for (line, format) in [
        (format!("28-Mar-2026 23:10:04.500 queries: info: {bind}"), "bind"),
        (bind.to_owned(), "bind"),
        (format!("<30>Mar 28 23:10:04 ns1 named[812]: {bind}"), "syslog3164"),
        (format!("2026-03-28T23:10:04Z ns1 named[812]: queries: info: {bind}"), "syslog3164"),
        (format!("<30>1 2026-03-28T23:10:04Z ns1 named 812 - - {bind}"), "syslog5424"),
        ("Mar 28 23:10:04 gw dnsmasq[9]: query[TXT] a1.x.evil.example from 10.0.0.1".into(), "syslog3164"),
        ("Mar 28 23:10:04 dnsmasq[9]: 4 10.0.0.1/4000 query[TXT] a1.x.evil.example from 10.0.0.1".into(), "syslog3164"),
        ("Mar 28 23:10:04 gw unbound: [8:0] info: 10.0.0.1 a1.x.evil.example. TXT IN".into(), "syslog3164"),
    ] {
        let fields = fields_of(&line);
        for (name, value) in
            [("dns.question.name", "a1.x.evil.example"), ("dns.question.type", "TXT"), ("source.ip", "10.0.0.1")]
        {
            assert!(fields.iter().any(|f| f.0 == name && f.1 == value), "{name} in {line}: {fields:?}");
        }
        let source = scanned("dns.log", format!("{line}\n").as_bytes(), "", |_| {});
        assert_eq!(source.entry.format.as_deref(), Some(format), "{line}");
        let (key, seen) = source.observations.kept.iter().next().unwrap();
        let told = (key.seen, key.client, key.name, seen.sum().up);
        assert_eq!(told, (Seen::Dns, "10.0.0.1", "evil.example", 17), "{line}");
    }
    // What dnsmasq does about a query is no second one.
    let more = "Mar 28 23:10:06 gw dnsmasq[9]: forwarded evil.example to 192.0.2.53\n\
                Mar 28 23:10:06 gw dnsmasq[9]: reply evil.example is 203.0.113.9\n";
    assert!(conversations("dns.log", more).is_empty());
}

/// Client, server and name of every question in a log, sorted.
fn questions(bytes: &[u8]) -> Vec<(String, String, String)> {
    let layout = layout_of(bytes);
    let mut all = Vec::new();
    for line in bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let mut fields = Fields::default();
        format::parse(&layout, line, Want::All, &mut fields).unwrap();
        let text = |canon| fields.text(canon).unwrap_or_default().to_owned();
        if fields.get(Canon::SourceIp).is_some() && fields.get(Canon::DnsQuestion).is_some() {
            let name = text(Canon::DnsQuestion).to_ascii_lowercase();
            all.push((text(Canon::SourceIp), text(Canon::DestinationIp), name));
        }
    }
    all.sort();
    all
}

#[test]
fn questions_in_a_log_are_those_that_went_over_the_wire() {
    let Some(folder) = shared("corpora/exfil") else { return };
    let log = fs::read(folder.join("lab-generated/bind.query.log")).unwrap();
    let wire = fs::read_to_string(folder.join("lab-generated/tshark-dns.tsv")).unwrap();
    let captured = wire.lines().map(|line| {
        let cells: Vec<&str> = line.split('\t').collect();
        (cells[1].to_owned(), cells[2].to_owned(), cells[4].to_ascii_lowercase())
    });
    let mut captured: Vec<_> = captured.collect();
    captured.sort();
    assert_eq!(captured.len(), 1520);
    let mut logged = questions(&log);
    let ends = |all: &[(String, String, String)]| all.iter().map(|q| (q.0.clone(), q.1.clone())).collect::<Vec<_>>();
    assert_eq!(ends(&logged), ends(&captured));
    // The capture left out names that are no host names.
    for question in captured.iter().filter(|question| !question.2.is_empty()) {
        let at = logged.iter().position(|known| known == question).unwrap_or_else(|| panic!("{question:?}"));
        logged.remove(at);
    }
    assert!(logged.iter().all(|question| question.2.ends_with(".t1.cdn-telemetry.example")), "{logged:?}");
    // Of a tunnel through dnsmasq each query counts once, whatever else is logged of it.
    let tunnel = fs::read(folder.join("iodine-dnsmasq/dnsmasq.log")).unwrap();
    let lines = tunnel.split(|&b| b == b'\n').filter(|line| memchr::memmem::find(line, b": query[").is_some());
    let asked = lines.filter(|line| memchr::memmem::find(line, b"<name unprintable>").is_none()).count();
    let source = scanned("dnsmasq.log", &tunnel, "", |_| {});
    let seen: u64 = source.observations.kept.values().map(|seen| seen.sum().records).sum();
    assert_eq!((seen, source.observations.kept.keys().all(|key| key.seen == Seen::Dns)), (asked as u64, true));
}

/// What left the lab by each log that names a size of it, against what its programs sent.
#[test]
fn bytes_that_left_are_those_that_were_sent_wherever_a_log_names_them() {
    let Some(lab) = shared("corpora/exfil/lab-generated") else { return };
    let truth: serde_json::Value = serde_json::from_slice(&fs::read(lab.join("truth.json")).unwrap()).unwrap();
    let sent = |what: &str| truth[what]["total_bytes"].as_u64().unwrap();
    let (rclone, curl) = (sent("rclone_webdav_via_squid"), sent("curl_chunked_put"));
    let of = |log: &str, client: &str, is_to: &dyn Fn(&ObservationKey) -> bool| {
        let source = scanned(log, &fs::read(lab.join(log)).unwrap(), "", |_| {});
        let from = source.observations.kept.iter().filter(|(key, _)| key.client == client);
        from.filter(|(key, _)| is_to(&key.to_owned())).fold(Sum::default(), |mut all, (_, seen)| {
            all.add(&seen.sum());
            all
        })
    };
    let host = "10.20.30.66";
    let put = |key: &ObservationKey| key.seen == Seen::Web;
    let flows = |key: &ObservationKey| &*key.server == "198.51.100.77";
    for (log, client, is_to, sent) in [
        ("drop.nginx.access.log", host, &put as &dyn Fn(&ObservationKey) -> bool, curl),
        // The proxy asks for rclone, from where the drop stands.
        ("drop.nginx.access.log", "198.51.100.77", &put, rclone),
        ("netflow.csv.gz", host, &flows, curl),
    ] {
        let sum = of(log, client, is_to);
        assert_eq!(sum.up_unlogged, 0, "{log}");
        assert!(sum.up >= sent && sum.up - sent <= sent / 50, "{log}: {} of {sent}", sum.up);
    }
    let any = |key: &ObservationKey| key.name.ends_with("dropzone.example");
    for log in ["squid.access.log", "squid.access.wide.log"] {
        let sum = of(log, host, &any);
        assert!(sum.records >= 24 && sum.up_unlogged == sum.records && sum.up == 0, "{log} names none: {sum:?}");
    }
}

#[test]
fn a_cloud_front_that_writes_tabs_is_a_web_server() {
    let names =
        "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(User-Agent) cs-bytes";
    let row = "2026-03-28 23:10:04 LHR50-C1 943718400 198.51.100.7 GET d1.cloudfront.example /a 200 curl/8%20x 90";
    let text = format!("#Version: 1.0\n#Fields: {names}\n{}\n", row.replace(' ', "\t"));
    let [(key, sum)] = &conversations("cf.log", &text)[..] else { panic!() };
    assert_eq!((key.seen, &*key.client, sum.down, sum.up), (Seen::Web, "198.51.100.7", 943_718_400, 90));
}

#[test]
fn one_long_record_at_the_start_of_a_log_does_not_hide_what_it_is() {
    let format = |text: &str| scanned("l", text.as_bytes(), "", |_| {}).entry.format.unwrap();
    let long = "a".repeat(70 << 10);
    let fortigate = |url: &str| {
        format!(
            "date=2026-03-28 time=23:10:04 tz=\"+0000\" srcip=10.0.0.5 dstip=203.0.113.9 dstport=443 \
             url=\"/{url}\" action=\"close\" sentbyte=4096 rcvdbyte=512\n"
        )
    };
    assert_eq!(format(&(fortigate(&long) + &fortigate("b").repeat(9))), "kv");
    assert_eq!(format(&fortigate(&long)), "kv", "the only record");
    let wider = "a".repeat(3 << 20);
    assert_eq!(format(&(fortigate(&wider).repeat(2) + &fortigate("b").repeat(9))), "kv");
    let event = |text: &str| {
        format!(
            "{{\"@timestamp\":\"2026-03-28T23:10:04Z\",\"winlog\":{{\"channel\":\"Security\",\"event_id\":4624,\
             \"provider_name\":\"p\",\"computer_name\":\"h\"}},\"message\":\"{text}\"}}\n"
        )
    };
    assert_eq!(format(&(event(&long) + &event("b").repeat(9))), "windows_json");
    let trail = |text: &str| {
        format!(
            "{{\"eventVersion\":\"1.08\",\"userIdentity\":{{\"type\":\"{text}\"}},\"eventTime\":\"2026-03-28T23:10:04Z\",\
             \"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\",\"awsRegion\":\"x\"}}"
        )
    };
    let delivered = format!("{{\"Records\":[{},{}]}}", trail(&long), vec![trail("b"); 9].join(","));
    assert_eq!(format(&delivered), "cloudtrail");
    // The bytes of a picture do not become lines however far one reads.
    assert_eq!(format(&"\u{1}\u{2}\u{3}".repeat(1 << 20)), "text");
}

#[test]
fn json_of_zeek_tells_by_its_names_of_which_log_it_is() {
    let ends = r#""ts":1774739404.5,"uid":"C1","id.orig_h":"10.0.0.5","id.orig_p":51234,"id.resp_h":"203.0.113.9","id.resp_p":25"#;
    for (rest, seen) in [
        (r#""proto":"tcp","orig_bytes":900,"resp_bytes":5,"conn_state":"SF""#, Some((Seen::Flow, 900))),
        (r#""proto":"tcp","conn_state":"S0""#, Some((Seen::Flow, 0))),
        (r#""proto":"tcp","orig_bytes":900,"resp_bytes":5"#, Some((Seen::Flow, 900))),
        (r#""proto":"udp","trans_id":1,"query":"a.example","qtype":1"#, Some((Seen::Dns, 9))),
        (r#""trans_depth":1,"method":"POST","host":"a.example","uri":"/","request_body_len":9"#, Some((Seen::Web, 9))),
        (r#""trans_depth":1,"request_body_len":9,"response_body_len":0"#, Some((Seen::Web, 9))),
        (r#""trans_depth":1,"helo":"mx","mailfrom":"a@b.example","tls":false"#, Some((Seen::Mail, 0))),
        (r#""user":"a","command":"STOR","reply_code":226"#, Some((Seen::FileTransfer, 0))),
        (r#""version":"TLSv12","server_name":"a.example""#, None),
        (r#""_path":"conn_long","orig_bytes":900,"conn_state":"SF""#, None),
    ] {
        let text = format!("{{{ends},{rest}}}\n").repeat(2);
        let told: Vec<_> = conversations("z.log", &text).iter().map(|(key, sum)| (key.seen, sum.up / 2)).collect();
        assert_eq!(told, Vec::from_iter(seen), "{rest}");
    }
    // Rules for the log of connections see it.
    let rule = "title: t\nid: 6f0c6d0e-1b1e-4a53-8d77-0d3f6f3a1c02\nlogsource:\n  product: zeek\n  service: conn\n\
                detection:\n  s:\n    id.resp_p: 25\n  condition: s\nlevel: high\n";
    let text = format!("{{{ends},\"proto\":\"tcp\",\"conn_state\":\"SF\"}}\n");
    let source = scanned("z.log", text.as_bytes(), "", |plan| {
        let (program, problems) = Program::compile([("r.yml".into(), rule.into())], Routing::Auto);
        assert!(problems.is_empty(), "{problems:?}");
        plan.program = program;
    });
    assert_eq!(source.rules.held.len(), 1);
}

#[test]
fn a_session_that_is_logged_again_and_again_moved_what_it_moved_since() {
    let head = "date=2026-03-28 time=23:10:04 tz=\"+0000\" logid=\"0000000020\" srcip=10.0.0.5 dstip=203.0.113.9 action=accept";
    let rows = [
        "sentbyte=1000 rcvdbyte=100 sentdelta=1000 rcvddelta=100",
        "sentdelta=500 rcvddelta=50 sentbyte=1500 rcvdbyte=150",
        "sentbyte=1500 rcvdbyte=150 sentdelta=0 rcvddelta=0",
        "sentbyte=7 rcvdbyte=1 sentdelta= rcvddelta=",
    ];
    let sums = |text: &str| {
        let all = conversations("f.log", text);
        all.iter().map(|(_, sum)| (sum.up, sum.down)).collect::<Vec<_>>()
    };
    let lines = |before: &str| rows.map(|row| format!("{before}{head} {row}\n")).concat();
    assert_eq!(sums(&lines("")), [(1507, 151)]);
    assert_eq!(sums(&lines("Mar 28 23:10:04 fg ")), [(1507, 151)]);
    let cef = "CEF:0|Fortinet|Fortigate|v7|20|traffic|3|src=10.0.0.5 dst=203.0.113.9 act=accept out=1500 in=150 \
               FTNTFGTsentdelta=500 FTNTFGTrcvddelta=50\n";
    assert_eq!(sums(cef), [(500, 50)]);
}

#[test]
fn suricata_counts_a_flow_once_and_its_questions_are_a_dns_log() {
    let event = |kind: &str, rest: &str| {
        format!(
            "{{\"timestamp\":\"2026-03-28T23:10:04.0+0000\",\"flow_id\":7,\"event_type\":\"{kind}\",\"src_ip\":\"10.0.0.5\",\
             \"src_port\":51234,\"dest_ip\":\"203.0.113.9\",\"dest_port\":53,\"proto\":\"UDP\",{rest}}}\n"
        )
    };
    let flow = r#""flow":{"bytes_toserver":2000000,"bytes_toclient":900}"#;
    let alert = format!(r#""alert":{{"action":"allowed","signature":"s"}},{flow}"#);
    let text = event("alert", &alert).repeat(50) + &event("flow", flow);
    let [(key, sum)] = &conversations("eve.json", &text)[..] else { panic!("one conversation") };
    assert_eq!((key.seen, sum.records, sum.up, sum.down), (Seen::Firewall, 1, 2_000_000, 900));
    let question = event("dns", r#""dns":{"type":"query","rrname":"b.a.example","rrtype":"A"}"#);
    let answer = event("dns", r#""dns":{"version":2,"type":"answer","rrname":"b.a.example","rrtype":"A"}"#);
    let newer = event("dns", r#""dns":{"version":3,"type":"request","queries":[{"rrname":"b.a.example"}]}"#);
    let [(key, sum)] = &conversations("eve.json", &(question + &answer + &newer))[..] else { panic!("one name") };
    assert_eq!((key.seen, &*key.name, sum.records, sum.up), (Seen::Dns, "a.example", 2, 22));
}

#[test]
fn flows_that_aws_could_not_record_are_a_gap_of_their_hours() {
    let row = |start: u64, status: &str| match status {
        "OK" => {
            format!("2 123456789012 eni-0a 10.0.1.5 203.0.113.9 51234 443 6 20 900 {start} {} ACCEPT OK\n", start + 60)
        }
        _ => format!("2 123456789012 eni-0a - - - - - - - {start} {} - {status}\n", start + 60),
    };
    let hour = 3600;
    let first = 1_774_828_800;
    let rows = [(0, "OK"), (1, "SKIPDATA"), (2, "SKIPDATA"), (3, "NODATA"), (4, "SKIPDATA"), (5, "OK")];
    let text = rows.map(|(at, status)| row(first + at * hour, status)).concat();
    let source = scanned("flow.log", text.as_bytes(), "", |_| {});
    let begin = (first / hour) as i64;
    assert_eq!(source.covered.skipped, [begin + 1, begin + 2, begin + 4]);
    assert_eq!(source.entry.records, 6);
}

#[test]
fn an_event_of_cloudtrail_that_lost_its_own_time_has_that_of_its_shipper() {
    let event = |more: &str| {
        format!(
            "{{\"@timestamp\":\"2026-03-28T23:10:04Z\",\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"GetObject\",\
             \"awsRegion\":\"x\",\"sourceIPAddress\":\"203.0.113.9\"{more}}}\n"
        )
    };
    let time =
        |more: &str| scanned("t.json", event(more).as_bytes(), "", |_| {}).covered.span.unwrap().first.to_string();
    assert_eq!(time(""), "2026-03-28T23:10:04Z");
    assert_eq!(time(",\"eventTime\":\"2026-03-27T01:00:00Z\""), "2026-03-27T01:00:00Z");
}

#[test]
fn packets_in_syslog_say_who_and_whether_they_passed() {
    let told = |line: &str| {
        let [(key, sum)] = &conversations("s.log", &format!("{line}\n"))[..] else { panic!("{line}") };
        let ends = (key.client.to_string(), key.server.to_string(), key.port);
        (key.seen, ends, key.outcome == Outcome::Failed, sum.up_unlogged)
    };
    let ends = || ("10.0.0.5".to_owned(), "203.0.113.9".to_owned(), 443);
    let packet = "IN= OUT=eth0 SRC=10.0.0.5 DST=203.0.113.9 LEN=60 TTL=64 PROTO=TCP SPT=51234 DPT=443 SYN";
    for (prefix, failed) in
        [("[UFW ALLOW] ", false), ("[UFW BLOCK] ", true), ("[12.5] fw DROP ", true), ("[12.5] ", false), ("", false)]
    {
        let line = format!("Mar 28 23:10:04 gw kernel: {prefix}{packet}");
        assert_eq!(told(&line), (Seen::Firewall, ends(), failed, 1), "{line}");
    }
    let v4 = "5,,,1000000103,em0,match,pass,out,4,0x0,,64,0,0,none,6,tcp,60,10.0.0.5,203.0.113.9,51234,443,0,S";
    let v6 = "5,,,1000000103,em0,match,block,out,6,0x00,0,64,tcp,6,40,2001:db8::5,2001:db8:1::9,51234,443,0,S";
    let line = |cells: &str| format!("Mar 28 23:10:04 gw filterlog[92]: {cells}");
    assert_eq!(told(&line(v4)), (Seen::Firewall, ends(), false, 1));
    let six = ("2001:db8::5".to_owned(), "2001:db8:1::9".to_owned(), 443);
    assert_eq!(told(&line(v6)), (Seen::Firewall, six, true, 1));
    for cells in ["", "1,2", &v4.replace("10.0.0.5", "x"), &v4.replace(",4,0x0", ",9,0x0")] {
        assert!(conversations("s.log", &format!("{}\n", line(cells))).is_empty(), "{cells}");
    }
}

/// The export of the portal: the record is JSON in a cell, its quotes doubled.
#[test]
fn the_portals_table_of_the_audit_log_is_the_audit_log() {
    let row = |n: u32| {
        let record = format!(
            "{{\"CreationTime\":\"2026-10-07T01:{n:02}:00\",\"Operation\":\"FileDownloaded\",\"Workload\":\"SharePoint\",\
             \"RecordType\":6,\"UserId\":\"jane@hc.example\",\"ClientIP\":\"203.0.113.9\",\"ObjectId\":\"https://hc.example/{n}.docx\"}}"
        );
        let cell = record.replace('"', "\"\"");
        format!("id{n},2026-10-07T01:{n:02}:00.0000000Z,6,FileDownloaded,jane@hc.example,\"{cell}\",\n")
    };
    let header = "RecordId,CreationDate,RecordType,Operation,UserId,AuditData,AssociatedAdminUnits\n";
    let text = header.to_owned() + &(0..12).map(row).collect::<String>();
    let source = scanned("p.csv", text.as_bytes(), "", |plan| {
        plan.clocks.zone = jiff::tz::TimeZone::get("America/New_York").unwrap();
    });
    assert_eq!((source.entry.format.as_deref(), source.entry.records, source.entry.untimed), (Some("m365"), 12, 0));
    assert_eq!(source.covered.span.unwrap().first.to_string(), "2026-10-07T01:00:00Z");
    assert_eq!(source.covered.zone_assumed, 0);
    let [(key, seen)] = &Vec::from_iter(source.observations.kept.iter())[..] else { panic!("one client") };
    assert_eq!((key.seen, key.client, seen.sum().records), (Seen::Cloud, "203.0.113.9", 12));
    let rule = "title: t\nid: 6f0c6d0e-1b1e-4a53-8d77-0d3f6f3a1c03\nlogsource:\n  product: m365\n\
                detection:\n  s:\n    Operation: FileDownloaded\n    ObjectId|endswith: '7.docx'\n  condition: s\nlevel: high\n";
    let source = scanned("p.csv", text.as_bytes(), "", |plan| {
        let (program, problems) = Program::compile([("r.yml".into(), rule.into())], Routing::Auto);
        assert!(problems.is_empty(), "{problems:?}");
        plan.program = program;
    });
    assert_eq!(source.rules.held.values().map(|met| met.count).collect::<Vec<_>>(), [1]);
}
