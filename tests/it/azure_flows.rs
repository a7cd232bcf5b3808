//! Flow logs of Azure: one record tells of many flows.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{exfiltrace, project};

fn lines(case: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(case.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_flow_of_a_record_is_observed_and_told_for_itself() {
    for name in ["nsg_version2.json", "vnet_version4.json"] {
        let temp = tempfile::tempdir().unwrap();
        let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
        std::fs::create_dir(path("evidence")).unwrap();
        std::fs::copy(project("fixtures/formats/azure_flow").join(name), path("evidence/flows.json")).unwrap();
        std::fs::write(path("feed.txt"), "203.0.113.9\n198.51.100.66\n").unwrap();
        let (evidence, feed, case) = (path("evidence"), path("feed.txt"), path("case"));
        exfiltrace(&["scan", "-q", &evidence, "--own", "10.0.0.0/8", "--indicators", &feed, "--out", &case]);
        let case = Path::new(&case);
        let transfers = lines(case, "transfers.jsonl");
        let told: Vec<_> = transfers.iter().map(|t| (&t["from"], &t["to"], &t["bytes"])).collect();
        let bytes = json!({"lower": 3_101_200, "upper": 3_101_200});
        assert_eq!(told, [(&json!("10.0.0.4"), &json!("203.0.113.9"), &bytes)], "{name}: what two states tell adds up");
        let findings = lines(case, "findings.jsonl");
        let of = |value: &str| findings.iter().find(|f| f["indicator"]["value"] == value).unwrap();
        let (out, refused) = (of("203.0.113.9"), of("198.51.100.66"));
        assert_eq!(
            (&out["outcome"], &out["entities"]["sources"]),
            (&json!("succeeded"), &json!(["10.0.0.4"])),
            "{name}"
        );
        assert_eq!((&refused["outcome"], &refused["count"]), (&json!("failed"), &json!(1)), "{name}: {refused}");
        assert_eq!(refused["entities"]["destinations"], json!(["10.0.0.4"]), "{name}");
    }
}
