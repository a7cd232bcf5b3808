//! Attacks that others recorded and published, each judged by itself: what is claimed, and of whom.

use serde_json::Value;

use crate::support::{exfiltrace, shared};

/// State of the only scope and, of the route that has it, the accounts and the hosts outside.
fn judged(path: &str, more: &[&str]) -> Option<(String, Vec<String>, Vec<String>)> {
    let evidence = shared(&format!("corpora/{path}"))?;
    let temp = tempfile::tempdir().unwrap();
    let case = temp.path().join("case");
    let args = ["scan", "--quiet", evidence.to_str().unwrap(), "--out", case.to_str().unwrap()];
    let output = exfiltrace(&[&args, more].concat());
    assert!(output.status.code().is_some_and(|code| code < 2), "{path}: {output:?}");
    let text = std::fs::read_to_string(case.join("verdict.json")).unwrap();
    let verdict: Value = serde_json::from_str(&text).unwrap();
    let scope = &verdict["scopes"][0];
    let worst = scope["routes"].as_array().unwrap().iter().find(|route| route["state"] == scope["state"])?;
    let texts = |name: &str| -> Vec<String> {
        worst[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    Some((scope["state"].as_str().unwrap().to_owned(), texts("accounts"), texts("destinations")))
}

#[test]
fn objects_read_with_the_stolen_credentials_of_an_instance_were_accessed() {
    let path = "security-datasets/atomic/aws/collection/ec2_proxy_s3_exfiltration.zip";
    let Some((state, accounts, _)) = judged(path, &[]) else { return };
    assert_eq!((&*state, &accounts[..]), ("accessed", &["i-0317f6c6b66ae9c40".to_owned()][..]));
}

/// Its one record says that somebody gave an image to another account, and nothing that he was an intruder.
#[test]
fn an_image_that_was_shared_is_unexplained_and_its_giver_named() {
    let Some((state, accounts, _)) = judged("cloud/stratus-detonation-logs/aws.exfiltration.ec2-share-ami.json", &[])
    else {
        return;
    };
    assert_eq!((&*state, &accounts[..]), ("unexplained", &["christophe".to_owned()][..]));
}

/// A size that stands in a log without a name is not taken for what was sent: the answer says that it is not known.
#[test]
fn a_proxy_log_whose_request_sizes_have_no_name_states_none() {
    let Some((state, _, _)) = judged("exfil/lab-generated/squid.access.wide.log", &[]) else { return };
    assert_eq!(state, "cannot_tell");
}

/// The sensor saw the packets of one side alone: what the other sent is not known, and is not nothing.
#[test]
fn a_connection_that_was_seen_by_half_is_no_sign_that_nothing_left() {
    let path = "security-datasets/compound/LSASS_campaign_02/metasploit_procdump_lsass_memory_dump_zeek_logs.zip";
    let Some((state, _, _)) = judged(path, &["--own", "192.168.1.0/24"]) else { return };
    assert_eq!(state, "cannot_tell");
}
