//! What a real room published, checked by the library, by `fairgate verify-draw` and by the
//! verifier in Python; and each part of it changed, which is found.

use std::{collections::BTreeMap, path::PathBuf};

use admission::contract::{
    HexBytes, LINE_SETTINGS, LanePlace, LaneRecord, LaneTurn, PassKeys, Receipt, Transcript,
    check_place, line_topic,
};
use ops::{
    serve::Role,
    settings::Stores,
    verify_draw::{judge, open_receipt},
};
use serde_json::{Value, json};
use testkit::{TestEnv, eventually};
use tokio::process::Command;
use waitroom::contract::Phase;

use crate::{
    draw::{Fan, change, head_when, join, pre_queue_in},
    fan::{claim, redeem},
    line_up::Line,
    test_system::{TestSystem, refused, reply, stores},
};

const LANES: usize = 3;
const EVERY_SECOND: [(&str, &str); 1] = [("FAIRGATE_ROOTS_EVERY_SECS", "1")];

/// A room that was drawn, with everybody in.
struct Sold {
    system: TestSystem,
    test_env: TestEnv,
    fans: Vec<Fan>,
    receipts: Vec<String>,
    transcript: Value,
}

/// How many records the newest roots are over, all lanes together.
fn rooted(roots: &Value) -> u64 {
    newest(roots, "size").values().sum()
}

fn newest(of_lanes: &Value, name: &str) -> BTreeMap<u64, u64> {
    let each = of_lanes.as_array().into_iter().flatten();
    each.map(|each| (each["lane"].as_u64().unwrap(), each[name].as_u64().unwrap())).collect()
}

async fn roots_over(system: &TestSystem, count: u64) -> Value {
    eventually("roots", async || {
        let roots = reply(system.get("/v1/rooms/r/roots")).await.with_status(200).body;
        (rooted(&roots["roots"]) == count).then(|| roots["roots"].clone())
    })
    .await
}

/// The transcript, once so many were let in by it.
async fn transcript_with(system: &TestSystem, let_in: u64) -> Value {
    eventually("the heads", async || {
        let answer = reply(system.get("/v1/rooms/r/transcript")).await;
        let all = newest(&answer.body["heads"], "head").values().sum::<u64>() == let_in;
        (answer.status == 200 && all).then_some(answer.body)
    })
    .await
}

async fn sold() -> Sold {
    let test_env = TestEnv::new().await;
    let system = pre_queue_in(test_env.clone(), 10_000, &EVERY_SECOND).await;
    refused(system.get("/v1/rooms/r/transcript"), 409, "transcript-not-yet").await;
    let (mut fans, mut receipts) = (Vec::new(), Vec::new());
    for number in 0..15 {
        if number == 12 {
            // Roots are there while the sale goes, and before anybody is let in.
            roots_over(&system, 12).await;
            change(&system, Phase::Open).await;
            let head = head_when(&system, |head| head["phase"] == "open").await;
            assert_eq!(head["draw"]["roots"].as_array().expect("roots").len(), LANES, "{head}");
        }
        let (fan, joined) = join(&system).await;
        fans.push(fan);
        receipts.push(joined["receipt"].as_str().expect("a receipt").to_owned());
    }
    for fan in &fans {
        let pass = claim(&system, "r", &fan.ticket).await;
        redeem(&system, &pass).await.with_status(201);
    }
    let transcript = transcript_with(&system, 15).await;
    Sold { system, test_env, fans, receipts, transcript }
}

impl Sold {
    fn keys(&self) -> PassKeys {
        let keys = &self.system.env["FAIRGATE_PASS_KEYS"];
        PassKeys::from_paserk(keys, "fairgate", "nobody").expect("keys")
    }

    fn records(&self) -> Vec<(u32, LaneRecord)> {
        let verifier = self.keys().verifier();
        let receipts = self.receipts.iter().map(|text| Receipt::open(&verifier, text));
        receipts.map(|receipt| receipt.expect("a receipt")).map(|r| (r.lane, r.record)).collect()
    }

    /// The names of what is found with this transcript, these receipts and this line.
    async fn found(
        &self,
        transcript: &Value,
        receipts: &[String],
        stores: &Stores,
    ) -> Vec<&'static str> {
        let transcript: Transcript =
            serde_json::from_value(transcript.clone()).expect("a transcript");
        let verifier = self.keys().verifier();
        let receipts: Vec<_> = receipts.iter().map(|text| open_receipt(&verifier, text)).collect();
        let findings = judge(&transcript, &receipts, Some(stores)).await.expect("a judgement");
        let mut names: Vec<_> = findings.iter().map(|finding| finding.name()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Finds what it must in a transcript with another value at a pointer.
    async fn finds(&self, at: &str, value: Value, name: &str) {
        let mut changed = self.transcript.clone();
        let field = changed.pointer_mut(at).unwrap_or_else(|| panic!("{at}"));
        assert_ne!(*field, value, "{at}");
        *field = value;
        let names = self.found(&changed, &self.receipts, &self.system.stores).await;
        assert!(names.contains(&name), "{at}: {names:?}");
    }

    /// Runs the command against the system, with its settings.
    async fn command(&self, args: &[&str]) -> (bool, String) {
        let command = Command::new(env!("CARGO_BIN_EXE_fairgate"))
            .arg("verify-draw")
            .args(args)
            .envs(self.test_env.settings())
            .output();
        let output = command.await.expect("the built binary");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}

/// A file that is gone with the test.
struct Kept(PathBuf);

impl Kept {
    fn new(name: &str, text: &str) -> Self {
        let file = format!("fairgate-{}-{name}", uuid::Uuid::new_v4().simple());
        let file = std::env::temp_dir().join(file);
        std::fs::write(&file, text).expect("a file");
        Self(file)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a path")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The verifier that was written from the document alone.
async fn python(args: &[&str]) -> (bool, String) {
    let script =
        concat!(env!("CARGO_MANIFEST_DIR"), "/examples/verify-draw/verify_draw.py").to_owned();
    let output = Command::new("python3").arg(script).args(args).output().await.expect("Python");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrong_with_a_real_draw_for_any_verifier() {
    let sold = sold().await;
    let names = sold.found(&sold.transcript, &sold.receipts, &sold.system.stores).await;
    assert_eq!(names, [""; 0], "{}", sold.transcript);
    let ends = sold.transcript["draw"]["ends"].as_array().expect("ends");
    assert_eq!(ends.iter().filter_map(Value::as_u64).sum::<u64>(), 12);

    let mut args = vec!["--url", &sold.system.base, "--room", "r", "--topic"];
    sold.receipts.iter().for_each(|receipt| args.extend(["--receipt", receipt]));
    let (holds, said) = sold.command(&args).await;
    assert!(holds && said.contains("nothing is wrong"), "{said}");

    let file = Kept::new("transcript.json", &sold.transcript.to_string());
    let lines = sold.records().into_iter().map(|(lane, record)| {
        let mut line = serde_json::to_value(record).expect("json");
        line["lane"] = lane.into();
        (lane, record.offset, format!("{line}\n"))
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    let records: String = lines.into_iter().map(|(.., line)| line).collect();
    let records = Kept::new("records.jsonl", &records);
    for (fan, receipt) in sold.fans.iter().zip(&sold.receipts) {
        let LanePlace { lane, offset } = fan.place;
        // As soon as a root is over it.
        let proof = eventually("a proof", async || {
            let asked = sold.system.get(&format!("/v1/rooms/r/places/{lane}/{offset}/proof"));
            Some(reply(asked).await).filter(|answer| answer.status == 200)
        })
        .await;
        let proof = Kept::new("proof.json", &proof.text);
        let receipt = Kept::new("receipt.txt", receipt);
        let args = ["--receipt", receipt.path(), "--proof", proof.path(), "--records"];
        let (holds, said) = python(&[&args[..], &[records.path(), file.path()]].concat()).await;
        assert!(holds && said.contains("nothing is wrong"), "{said}");
    }
    let (holds, said) = python(&[&format!("{}/v1/rooms/r/transcript", sold.system.base)]).await;
    assert!(holds, "{said}");
    refused(sold.system.get("/v1/rooms/r/places/0/99/proof"), 404, "proof-not-yet").await;
    refused(sold.system.get("/v1/rooms/nowhere/transcript"), 404, "room-unknown").await;
    refused(sold.system.get("/v1/rooms/nowhere/roots"), 404, "room-unknown").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_afterwards_is_found_and_named() {
    let sold = sold().await;
    let zeros = || json!("00".repeat(32));
    let end = sold.transcript["draw"]["ends"][0].as_u64().expect("an end");
    let heads = sold.transcript["heads"].as_array().expect("heads").len();
    let roots = sold.transcript["roots"].as_array().expect("roots").len();
    for (at, value, name) in [
        ("/draw/seed", zeros(), "seed_not_committed"),
        ("/draw/commitment", zeros(), "seed_not_committed"),
        ("/draw/ends/0", json!(end - 1), "cohort_disagrees"),
        ("/draw/ends/0", json!(end + 1), "cohort_disagrees"),
        ("/draw/roots/0/root", zeros(), "records_changed"),
        ("/draw/frozen_at", json!("2020-01-01T00:00:00Z"), "joined_after_freeze"),
        ("/draw/committed_at", json!("2100-01-01T00:00:00Z"), "joined_before_commitment"),
        ("/draw/entropy_source", json!("drand"), "entropy_not_as_announced"),
        ("/roots/0/root", zeros(), "records_changed"),
        (&format!("/roots/{}/size", roots - 1), json!(1_000), "records_end_early"),
        (&format!("/roots/{}/lane", roots - 1), json!(LANES), "lane_unknown"),
        (&format!("/heads/{}/head", heads - 1), json!(1_000), "head_beyond"),
        ("/heads/0/at", json!("2020-01-01T00:00:00Z"), "head_too_early"),
        ("/room", json!("another"), "receipt_of_another_room"),
    ] {
        if at == "/room" {
            // Its line has another name, too.
            let mut changed = sold.transcript.clone();
            changed["room"] = value;
            let transcript: Transcript = serde_json::from_value(changed).expect("a transcript");
            let receipt = open_receipt(&sold.keys().verifier(), &sold.receipts[0]);
            let found = judge(&transcript, &[receipt], None).await.expect("a judgement");
            assert!(found.iter().any(|finding| finding.name() == name), "{found:?}");
        } else {
            sold.finds(at, value, name).await;
        }
    }
    // A place that was told another turn.
    let transcript: Transcript =
        serde_json::from_value(sold.transcript.clone()).expect("a transcript");
    let draw = transcript.drawn().expect("a draw");
    let (place, other) = (sold.fans[0].place, sold.fans[1].place);
    assert_eq!(check_place(&transcript, place, draw.turn(place)), Ok(()));
    let claimed = draw.turn(other);
    let wrong = check_place(&transcript, place, claimed).expect_err("another's turn");
    assert_eq!(wrong.name(), "turn_differs");

    let LaneTurn { lane, number } = claimed;
    let file = Kept::new("transcript.json", &sold.transcript.to_string());
    let asked = [("--place", place.to_string()), ("--turn", format!("{lane}.{number}"))];
    let asked = asked.each_ref().map(|(name, value)| [*name, value]).concat();
    let (holds, said) = sold.command(&[&["--transcript", file.path()], &asked[..]].concat()).await;
    assert!(!holds && said.contains("turn_differs: the turn of place"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_promise_is_proved_by_its_receipt_and_a_rewritten_record_by_the_roots() {
    let sold = sold().await;
    let names = async |receipt: &str| {
        let receipts = [receipt.to_owned()];
        sold.found(&sold.transcript, &receipts, &sold.system.stores).await
    };
    let room = "r".parse().expect("a name");
    let (lane, record) = sold.records()[0];
    let sign = |record| {
        Receipt::new(&sold.keys(), &room, lane, record).signed(&sold.keys()).expect("a receipt")
    };
    assert_eq!(sign(record), sold.receipts[0], "the same word twice");
    assert_eq!(names(&sold.receipts[0]).await, [""; 0]);
    let other = LaneRecord { nonce: HexBytes([9; 16]), ..record };
    assert_eq!(names(&sign(other)).await, ["receipt_contradicted"]);
    let other = LaneRecord { joined_ms: record.joined_ms + 1, ..record };
    assert_eq!(names(&sign(other)).await, ["receipt_contradicted"]);
    let beyond = LaneRecord { offset: 500, ..record };
    assert!(names(&sign(beyond)).await.contains(&"receipt_beyond_root"));
    let mut forged = sold.receipts[0].clone().into_bytes();
    forged[30] = if forged[30] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).expect("text");
    assert_eq!(names(&forged).await, ["receipt_invalid"]);
    let mut args = vec!["--url", &sold.system.base, "--room", "r", "--receipt", &forged];
    let (holds, said) = sold.command(&args).await;
    assert!(!holds && said.contains("receipt_invalid: "), "{said}");
    args[5] = &sold.receipts[1];
    assert!(sold.command(&args).await.0);

    // The same line with other records.
    let elsewhere = stores(&sold.test_env.with_other_topics("rewritten"));
    elsewhere.kafka.ensure_topic(&line_topic("r"), LANES as i32, &LINE_SETTINGS).await.expect("it");
    let line = Line::of(&elsewhere, "r", LANES as i32);
    let sizes = newest(&sold.transcript["roots"], "size");
    for (lane, size) in &sizes {
        line.join(*lane as i32, *size as usize).await;
    }
    let found = sold.found(&sold.transcript, &sold.receipts, &elsewhere).await;
    assert!(found.contains(&"records_changed"), "{found:?}");
    assert!(found.contains(&"receipt_contradicted"), "{found:?}");
}

/// A waiting room in a process of its own, so that its metrics are its own.
struct Process {
    management: String,
    _process: tokio::process::Child,
}

impl Process {
    fn start(test_env: &TestEnv, namespace: &str) -> Self {
        // Free a moment ago, and hardly anybody's now.
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let management = port.local_addr().expect("its address").to_string();
        drop(port);
        let process = Command::new(env!("CARGO_BIN_EXE_fairgate"))
            .args(["serve", "waitroom"])
            .envs(test_env.settings())
            .envs(ops::keys::fresh().expect("keys"))
            .envs(EVERY_SECOND)
            .env("FAIRGATE_NAMESPACE", namespace)
            .env("FAIRGATE_LISTEN", "127.0.0.1:0")
            .env("FAIRGATE_MANAGEMENT_LISTEN", &management)
            .env("FAIRGATE_LOG", "error")
            .kill_on_drop(true)
            .spawn();
        Self { management, _process: process.expect("the built binary") }
    }

    /// How many lanes of the room it found to be others than were published.
    async fn contradicted(&self) -> Option<u64> {
        let client = reqwest::Client::builder().no_proxy().build().ok()?;
        let answer = client.get(format!("http://{}/metrics", self.management)).send().await.ok()?;
        let metrics = answer.text().await.ok()?;
        let of_room =
            |line: &&str| line.starts_with("fairgate_records_contradicted_total{room=\"r\"}");
        metrics.lines().find(of_room)?.rsplit(' ').next()?.parse().ok()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_that_was_rewritten_is_found_and_no_root_is_overwritten() {
    let test_env = TestEnv::new().await;
    let system = pre_queue_in(test_env.clone(), 10_000, &EVERY_SECOND).await;
    for _ in 0..9 {
        join(&system).await;
    }
    let before = roots_over(&system, 9).await;
    drop(system);
    let rewritten = test_env.with_other_topics("rewritten");
    rewritten.kafka.ensure_topic(&line_topic("r"), LANES as i32, &LINE_SETTINGS).await.expect("it");
    let line = Line::of(&stores(&rewritten), "r", LANES as i32);
    let sizes = newest(&before, "size");
    for (lane, more) in [(0, 1), (1, 0)] {
        line.join(lane, (sizes[&(lane as u64)] + more) as usize).await;
    }
    // The third lane has lost one.
    line.join(2, sizes[&2] as usize - 1).await;
    let process = Process::start(&test_env, &format!("{}rewritten_", test_env.namespace));
    eventually("all three lanes are found", async || {
        (process.contradicted().await == Some(3)).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(process.contradicted().await, Some(3), "told once");
    let system = TestSystem::open_as(&[Role::Catalog, Role::Waitroom], test_env, &[]).await;
    let after = roots_over(&system, 9).await;
    assert_eq!(after, before, "what stood stands, and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_recorders_are_one_and_another_goes_on_where_one_ends() {
    let test_env = TestEnv::new().await;
    let first = pre_queue_in(test_env.clone(), 10_000, &EVERY_SECOND).await;
    let second = TestSystem::open_in(test_env.clone(), &EVERY_SECOND).await;
    head_when(&second, |head| head["phase"] == "pre_queue").await;
    let holder = async || {
        let holder = sqlx::query_scalar::<_, uuid::Uuid>("SELECT holder FROM waitroom.recorders");
        holder.fetch_one(&test_env.pool).await.expect("one holder")
    };
    for _ in 0..3 {
        join(&first).await;
        join(&second).await;
    }
    let roots = roots_over(&first, 6).await;
    let before = holder().await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(holder().await, before, "both live, and one records");
    drop(first);
    for _ in 0..3 {
        join(&second).await;
    }
    let more = roots_over(&second, 9).await;
    let (roots, more) = (roots.as_array().expect("roots"), more.as_array().expect("roots"));
    assert_eq!(more[..roots.len()], roots[..], "what stood stands");
    change(&second, Phase::Open).await;
    let transcript = transcript_with(&second, 9).await;
    let transcript: Transcript = serde_json::from_value(transcript).expect("a transcript");
    let found = judge(&transcript, &[], Some(&second.stores)).await.expect("a judgement");
    assert_eq!(found, [], "{transcript:?}");
}
