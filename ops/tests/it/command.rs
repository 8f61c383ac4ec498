//! `fairgate verify` as people and scripts call it.

use admission::contract::{HEADS_TOPIC, LaneHead};
use serde_json::Value;
use testkit::TestEnv;
use tokio::process::Command;

use crate::{
    negative_controls::publish,
    test_system::{Terms, sale, stores},
};

/// Gives whether it succeeded, and what it wrote on standard output and standard error.
async fn verify(test_env: &TestEnv, args: &[&str]) -> (bool, String, String) {
    let command = Command::new(env!("CARGO_BIN_EXE_fairgate"))
        .arg("verify")
        .args(args)
        .envs(test_env.settings())
        .output();
    let output = command.await.expect("the built binary");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn it_ends_well_only_where_everything_holds_and_names_what_does_not() {
    let test_env = TestEnv::new().await;
    let stores = stores(&test_env);
    for show in ["sound", "unsound"] {
        sale(&stores, show, &Terms { lanes: 1, ..Terms::default() }).await;
    }
    let (success, table, _) = verify(&test_env, &[]).await;
    assert!(success && table.contains("checks hold"), "{table}");

    publish(&stores, "unsound", vec![LaneHead { lane: 0, head: 7, tail: 7 }]).await;
    let (success, table, said) = verify(&test_env, &[]).await;
    assert!(!success && said.contains("heads-committed, heads-published"), "{said}");
    assert!(
        table.contains("FAILED  heads-committed") && table.contains("\"published\":7"),
        "{table}"
    );

    let (success, json, _) = verify(&test_env, &["--show", "unsound", "--json"]).await;
    let report: Value = serde_json::from_str(&json).expect("JSON alone on standard output");
    assert!(!success && report["clean"] == false, "{json}");
    let failing =
        report["checks"].as_array().into_iter().flatten().filter(|check| check["count"] != 0);
    assert_eq!(
        failing.map(|check| check["id"].as_str().expect("an id")).collect::<Vec<_>>(),
        ["heads-committed", "heads-published"]
    );

    let (success, ..) = verify(&test_env, &["--show", "sound"]).await;
    assert!(success, "another show's faults are not this one's");
    let (success, _, said) = verify(&test_env, &["--show", "nowhere"]).await;
    assert!(!success && said.contains("nowhere"), "{said}");
}

#[tokio::test]
async fn a_server_does_not_start_on_topics_that_may_lose_what_they_acknowledged() {
    let test_env = TestEnv::new().await;
    test_env.kafka.ensure_topic(HEADS_TOPIC, 1, &[]).await.expect("a topic");
    let server = Command::new(env!("CARGO_BIN_EXE_fairgate"))
        .args(["serve", "catalog"])
        .envs(test_env.settings())
        .env("FAIRGATE_KAFKA_REPLICATION", "3")
        .env("FAIRGATE_LISTEN", "127.0.0.1:0")
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(20), server)
        .await
        .expect("an end")
        .expect("a start");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let topic = test_env.kafka.name(HEADS_TOPIC);
    assert!(
        !output.status.success()
            && said.contains(&format!("topic {topic} has 1 replica(s) where 3 are set")),
        "{said}"
    );
}
