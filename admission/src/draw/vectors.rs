//! `docs/draw-vectors.json`: what verifiers in all languages are tested with.
//!
//! The file is written by `cargo test -p admission --lib vectors -- --ignored` and checked by the
//! test beside it. Whoever changes what is in it changes the construction, and so its version.

use std::{fs, path::PathBuf};

use chrono::DateTime;
use serde_json::{Value, json};

use crate::draw::{
    LanePlace,
    cohort::Cohort,
    drawn::Draw,
    entropy::Entropy,
    hex_bytes::{Digest32, HexBytes},
    key::DrawKey,
    merkle::{MerkleTree, consistency, inclusion, root},
    record::LaneRecord,
    seed::Seed,
    shuffle::Shuffle,
    transcript::{Transcript, check::check, tests::sound},
};

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/draw-vectors.json"))
}

fn entropies() -> [Entropy; 3] {
    let Some(draw) = sound().draw else { unreachable!("it has a draw") };
    let entered_at = DateTime::from_timestamp(1_796_000_000, 0).expect("a time");
    let text = "6 1 4 – drawn by Zoë".to_owned();
    [Entropy::None, Entropy::Operator { text, entered_at }, draw.entropy]
}

/// All places of a small cohort, the edges and some in between of a large one, and late ones.
fn places(cohort: &Cohort) -> Vec<LanePlace> {
    let size = cohort.size();
    let indices: Vec<u64> = if size <= 10 {
        (0..size).collect()
    } else {
        vec![0, 1, size / 7, size / 3, size / 2, size - size / 5, size - 1]
    };
    let drawn = indices.into_iter().filter_map(|index| cohort.place(index));
    // One lane more than there were: it was added after the draw.
    let late = (0..=cohort.lanes())
        .map(|lane| LanePlace { lane, offset: cohort.end(lane) + u64::from(lane) });
    drawn.chain(late).collect()
}

fn draw(number: u8, ends: &[u64], entropy: Entropy) -> Value {
    let room = format!("vector-{number}").parse().expect("a room");
    let cohort = Cohort::new(ends.to_vec()).expect("a cohort");
    let seed = Seed::new(Digest32::of(&[b"seed", &[number]]).0);
    let key = DrawKey::derive(&room, &cohort, &seed, &entropy).expect("a key");
    let draw = Draw::new(&room, cohort.clone(), &seed, &entropy).expect("a draw");
    let place = |place: LanePlace| {
        let turn = draw.turn(place);
        assert_eq!(draw.place(turn), place);
        json!({ "place": place, "index": cohort.index(place), "position": draw.position(place),
            "turn": turn })
    };
    let places: Vec<_> = places(&cohort).into_iter().map(place).collect();
    json!({
        "room": room, "seed": seed, "commitment": seed.commitment(), "ends": ends,
        "entropy_bytes": hex::encode(entropy.bytes()), "entropy": entropy, "key": key.0,
        "places": places,
    })
}

fn draws() -> Vec<Value> {
    let [none, operator, drand] = entropies();
    vec![
        draw(1, &[1], none.clone()),
        draw(2, &[1, 1], operator.clone()),
        draw(3, &[5, 0, 3, 2], drand.clone()),
        draw(4, &[250, 249, 251, 250], operator),
        draw(5, &[333_334, 333_333, 333_333], drand),
        draw(6, &[0, 0], none),
    ]
}

fn shuffle(count: u64) -> Value {
    let key = Digest32::of(&[b"key", &count.to_be_bytes()]);
    let shuffle = Shuffle::new(DrawKey(key), count);
    let some = [0, 1, count / 3, count / 2, count - 1];
    let mut indices: Vec<u64> = if count <= 10 { (0..count).collect() } else { some.to_vec() };
    indices.dedup();
    let pairs: Vec<_> =
        indices.into_iter().map(|index| json!([index, shuffle.position(index)])).collect();
    json!({ "key": key, "count": count, "positions": pairs })
}

fn merkle() -> Value {
    let record = |offset: u64| LaneRecord {
        offset,
        joined_ms: 1_796_000_000_000 + 13 * offset,
        nonce: HexBytes([offset as u8 ^ 0x5a; 16]),
    };
    let records: Vec<LaneRecord> = (0..11).map(record).collect();
    let leaves: Vec<Digest32> = records.iter().map(LaneRecord::leaf).collect();
    let mut tree = MerkleTree::default();
    let mut roots = vec![tree.root()];
    for leaf in &leaves {
        tree.append(*leaf);
        roots.push(tree.root());
    }
    let included = |(index, size): (u64, usize)| {
        let path = inclusion::prove(&leaves[..size], index).expect("a proof");
        json!({ "index": index, "size": size, "path": path, "root": root(&leaves[..size]) })
    };
    let consistent = |(older, newer): (usize, usize)| {
        let path = consistency::prove(&leaves[..newer], older as u64).expect("a proof");
        json!({ "older": older, "newer": newer, "path": path })
    };
    let inclusion = [(0, 1), (0, 11), (5, 11), (10, 11), (6, 7), (3, 8), (8, 9)].map(included);
    let consistency =
        [(1, 11), (4, 11), (6, 11), (7, 8), (8, 9), (10, 11), (11, 11)].map(consistent);
    json!({
        "records": records, "leaves": leaves, "roots": roots,
        "inclusion": inclusion, "consistency": consistency,
    })
}

/// What is found when one field of the transcript is changed; signatures of beacons need more than
/// hashes.
fn faults() -> Vec<Value> {
    let beyond = json!({ "at": "2026-01-01T00:00:00Z", "lane": 2, "head": 5 });
    let changes = [
        ("/version", json!(2), false),
        ("/method", json!("first_come"), false),
        ("/draw/seed", json!("00".repeat(32)), false),
        ("/draw/commitment", json!("00".repeat(32)), false),
        ("/draw/entropy", json!({ "source": "none" }), false),
        ("/draw/entropy/round", json!(999), true),
        ("/draw/entropy/signature", json!("00".repeat(48)), true),
        ("/draw/entropy_source", json!("operator"), false),
        ("/draw/ends/0", json!(4), false),
        ("/draw/ends", json!([]), false),
        ("/draw/frozen_at", json!("2023-08-23T16:00:00Z"), false),
        ("/draw/frozen_at", json!("2023-08-23T15:59:20.5Z"), false),
        ("/draw/committed_at", json!("2030-01-01T00:00:00Z"), false),
        ("/opened_at", json!("2023-08-23T15:00:00Z"), false),
        ("/roots/2/size", json!(4), false),
        ("/roots/1/root", json!("00".repeat(32)), false),
        ("/heads/3/head", json!(0), false),
        ("/heads/0/head", json!(1), false),
        ("/heads/5", beyond, false),
    ];
    let fault = |(at, value, needs_bls): (&str, Value, bool)| {
        let mut document = serde_json::to_value(sound()).expect("json");
        *document.pointer_mut(at).expect("a field") = value.clone();
        let changed: Transcript = serde_json::from_value(document).expect("a transcript");
        let mut names: Vec<_> = check(&changed).iter().map(|finding| finding.name()).collect();
        names.sort_unstable();
        names.dedup();
        json!({ "at": at, "value": value, "findings": names, "needs_bls": needs_bls })
    };
    changes.map(fault).into()
}

fn vectors() -> Value {
    let shuffles = [1, 2, 10, 1_000, 1_000_000, 1 << 40].map(shuffle);
    json!({
        "draws": draws(),
        "shuffles": shuffles,
        "merkle": merkle(),
        "transcript": sound(),
        "faults": faults(),
    })
}

#[test]
fn the_vectors_are_what_the_construction_gives() {
    let file = fs::read_to_string(path()).expect("docs/draw-vectors.json");
    let file: Value = serde_json::from_str(&file).expect("json");
    let vectors = vectors();
    for part in ["draws", "shuffles", "merkle", "transcript", "faults"] {
        assert_eq!(file[part], vectors[part], "{part}");
    }
}

#[test]
fn each_fault_of_the_vectors_is_found() {
    for fault in faults() {
        assert_ne!(fault["findings"], json!([]), "{}", fault["at"]);
    }
}

#[test]
#[ignore = "writes docs/draw-vectors.json"]
fn write_the_vectors() {
    let text = serde_json::to_string_pretty(&vectors()).expect("json");
    fs::write(path(), text + "\n").expect("written");
}
