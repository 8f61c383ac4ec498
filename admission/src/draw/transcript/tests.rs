//! One sound transcript, and what is found when any part of it is changed.

use chrono::TimeDelta;

use super::{
    check::check,
    evidence::{RecordProof, check_place, check_receipt, check_roots},
    finding::Finding,
    *,
};
use crate::draw::{
    LanePlace, LaneTurn,
    entropy::drand::{DrandBeacon, QUICKNET},
    hex_bytes::HexBytes,
    merkle::{self, inclusion},
    receipt::Receipt,
    record::LaneRecord,
};

const ENDS: [u64; 3] = [5, 0, 4];
const JOINED: [u64; 3] = [9, 2, 4];

/// Times are told from the publication of quicknet's round 1000, which the draw mixes in.
fn at(ms: i64) -> DateTime<Utc> {
    QUICKNET.time(1000).expect("a time") + TimeDelta::milliseconds(ms)
}

/// Three joined a minute before entries closed, the rest a minute after the opening.
pub(crate) fn records(lane: u32) -> Vec<LaneRecord> {
    let record = |offset: u64| {
        let joined = if offset < ENDS[lane as usize] { at(-60_000) } else { at(70_000) };
        let nonce = Digest32::of(&[&lane.to_be_bytes(), &offset.to_be_bytes()]);
        let nonce = HexBytes(nonce.0[..16].try_into().expect("16 bytes"));
        LaneRecord { offset, joined_ms: joined.timestamp_millis() as u64, nonce }
    };
    (0..JOINED[lane as usize]).map(record).collect()
}

fn published(lane: u32, size: u64, at: DateTime<Utc>) -> PublishedRoot {
    let leaves: Vec<Digest32> = records(lane).iter().map(LaneRecord::leaf).collect();
    PublishedRoot { lane, size, root: merkle::root(&leaves[..size as usize]), at }
}

pub(crate) fn sound() -> Transcript {
    let seed = Seed::new([9; 32]);
    let head = |ms, lane, head| PublishedHead { at: at(ms), lane, head };
    Transcript {
        version: TRANSCRIPT_VERSION,
        room: "spring-tour".parse().expect("a room"),
        method: LineMethod::Draw,
        lanes: 3,
        opened_at: at(60_000),
        draw: Some(DrawTranscript {
            commitment: seed.commitment(),
            entropy_source: EntropySource::Drand,
            committed_at: at(-600_000),
            ends: ENDS.to_vec(),
            frozen_at: at(-1_000),
            roots: (0..).zip(ENDS).map(|(lane, end)| published(lane, end, at(-1_000))).collect(),
            entropy: Entropy::Drand(DrandBeacon {
                chain: QUICKNET.hash.parse().expect("a hash"),
                round: 1000,
                signature: "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125\
                            e342b73a8dd2bacbe47e4b6b63ed5e39"
                    .parse()
                    .expect("48 bytes"),
            }),
            seed,
            drawn_at: at(5_000),
        }),
        roots: vec![
            published(0, 3, at(-50_000)),
            published(0, 5, at(30_000)),
            published(0, 9, at(80_000)),
            published(1, 2, at(80_000)),
            published(2, 4, at(80_000)),
        ],
        heads: vec![
            head(50_000, 0, 0),
            head(61_000, 0, 1),
            head(62_000, 1, 3),
            head(90_000, 0, 7),
            head(90_000, 1, 5),
            head(90_000, 2, 3),
        ],
    }
}

/// What is found in a transcript that was changed.
fn found(change: impl FnOnce(&mut Transcript)) -> Vec<&'static str> {
    let mut transcript = sound();
    change(&mut transcript);
    check(&transcript).iter().map(Finding::name).collect()
}

fn drawn(change: impl FnOnce(&mut DrawTranscript)) -> Vec<&'static str> {
    found(|transcript| change(transcript.draw.as_mut().expect("a draw")))
}

#[test]
fn a_sound_transcript_holds_and_is_read_back() {
    assert_eq!(check(&sound()), []);
    let text = serde_json::to_string(&sound()).expect("json");
    assert_eq!(serde_json::from_str::<Transcript>(&text).expect("a transcript"), sound());
    let first_come = found(|transcript| {
        transcript.method = LineMethod::FirstCome;
        transcript.draw = None;
        transcript.heads.truncate(2);
    });
    assert_eq!(first_come, <[&str; 0]>::default());
}

#[test]
fn a_changed_draw_is_found() {
    assert_eq!(found(|it| it.version = 2), ["version_unknown"]);
    assert_eq!(found(|it| it.method = LineMethod::FirstCome), ["method_disagrees"]);
    assert_eq!(drawn(|draw| draw.seed = Seed::new([8; 32])), ["seed_not_committed"]);
    assert_eq!(drawn(|draw| draw.commitment.0.0[31] ^= 1), ["seed_not_committed"]);
    assert_eq!(drawn(|draw| draw.entropy = Entropy::None), ["entropy_not_as_announced"]);
    assert_eq!(drawn(|draw| draw.ends[0] = 4), ["cohort_disagrees", "head_beyond"]);
    assert_eq!(drawn(|draw| draw.ends[1] = 1), ["cohort_disagrees", "head_beyond"]);
    assert_eq!(drawn(|draw| draw.roots.truncate(2)), ["cohort_disagrees"]);
    let more = drawn(|draw| draw.ends.push(0));
    assert_eq!(more[..2], ["lane_unknown", "cohort_disagrees"]);
    assert_eq!(drawn(|draw| draw.ends.clear())[0], "cohort_invalid");
    let cut = found(|it| it.roots[0] = published(0, 6, at(-50_000)));
    assert_eq!(cut, ["cohort_cut_short", "root_goes_back"]);
}

#[test]
fn changed_entropy_is_found() {
    let beacon = |change: fn(&mut DrandBeacon)| {
        drawn(|draw| match &mut draw.entropy {
            Entropy::Drand(beacon) => change(beacon),
            _ => unreachable!("it is drand's"),
        })
    };
    assert_eq!(beacon(|it| it.signature.0[40] ^= 1), ["entropy_invalid"]);
    assert_eq!(beacon(|it| it.chain.0[0] ^= 1), ["entropy_invalid"]);
    assert_eq!(beacon(|it| it.round = 1001), ["entropy_invalid", "round_chosen"]);
    assert_eq!(drawn(|it| it.frozen_at = at(-4_000)), ["round_chosen"]);
    assert_eq!(drawn(|it| it.frozen_at = at(0)), ["entropy_too_early"]);
    let operator = |text: &str, ms| {
        drawn(|draw| {
            draw.entropy_source = EntropySource::Operator;
            draw.entropy = Entropy::Operator { text: text.to_owned(), entered_at: at(ms) };
        })
    };
    assert_eq!(operator("6 1 4", 0), <[&str; 0]>::default());
    assert_eq!(operator("", 0), ["entropy_invalid"]);
    assert_eq!(operator("6 1 4", -2_000), ["entropy_too_early"]);
    assert_eq!(operator("6 1 4", 6_000), ["times_out_of_order"]);
}

#[test]
fn times_roots_and_heads_that_do_not_fit_are_found() {
    let order = ["times_out_of_order"];
    assert_eq!(drawn(|draw| draw.committed_at = at(-500)), order);
    assert_eq!(drawn(|draw| draw.drawn_at = at(-2_000)), [order[0]; 2]);
    assert_eq!(drawn(|draw| draw.drawn_at = at(60_001)), order);
    assert_eq!(found(|it| it.roots.swap(0, 1)), ["root_goes_back"]);
    assert_eq!(found(|it| it.roots[2].size = 4), ["root_goes_back", "head_beyond"]);
    assert_eq!(found(|it| it.roots[1].root.0[0] ^= 1), ["roots_differ"]);
    assert_eq!(found(|it| it.roots[4].lane = 3), ["lane_unknown"]);
    assert_eq!(found(|it| it.heads[3].head = 0), ["head_goes_back"]);
    assert_eq!(found(|it| it.heads[1].at = at(100_000)), ["head_goes_back"]);
    assert_eq!(found(|it| it.heads[0].head = 1), ["head_too_early"]);
    assert_eq!(found(|it| it.heads[3].head = 8), ["head_beyond"]);
    assert_eq!(found(|it| it.heads[5].lane = 3), ["lane_unknown", "head_beyond"]);
}

#[test]
fn a_place_with_another_turn_is_found() {
    let transcript = sound();
    let place = LanePlace { lane: 0, offset: 2 };
    let turn = transcript.drawn().expect("a draw").turn(place);
    assert_eq!(check_place(&transcript, place, turn), Ok(()));
    let claimed = LaneTurn { number: turn.number + 1, ..turn };
    let differs = Finding::TurnDiffers { place, claimed, drawn: turn };
    assert_eq!(check_place(&transcript, place, claimed), Err(differs));
    let nowhere = LanePlace { lane: 3, offset: 0 };
    assert_eq!(check_place(&transcript, nowhere, turn), Err(Finding::LaneUnknown { lane: 3 }));
}

/// The receipt of a record and the proof of the same place, each changed as one likes.
fn held(change: impl FnOnce(&mut Receipt, &mut RecordProof, &mut Transcript)) -> Vec<&'static str> {
    let (lane, offset, size) = (0, 2, 9);
    let records = records(lane);
    let leaves: Vec<Digest32> = records.iter().map(LaneRecord::leaf).collect();
    let path = inclusion::prove(&leaves, offset).expect("a proof");
    let record = records[offset as usize];
    let mut transcript = sound();
    let room = transcript.room.clone();
    let mut receipt = Receipt { iss: "fairgate".to_owned(), room, lane, record };
    let mut proof = RecordProof { record, size, path };
    change(&mut receipt, &mut proof, &mut transcript);
    let findings = check_receipt(&transcript, &receipt, Some(&proof));
    findings.iter().map(Finding::name).collect()
}

#[test]
fn a_receipt_that_was_broken_is_found() {
    let minutes = |count: u64| count * 60_000;
    assert_eq!(held(|_, _, _| ()), <[&str; 0]>::default());
    let other = held(|receipt, _, _| receipt.room = "autumn-tour".parse().expect("a room"));
    assert_eq!(other, ["receipt_of_another_room"]);
    let contradicted = ["receipt_contradicted"];
    assert_eq!(held(|receipt, _, _| receipt.record.nonce.0[0] ^= 1), contradicted);
    assert_eq!(held(|receipt, _, _| receipt.record.joined_ms -= 1), contradicted);
    assert_eq!(held(|_, proof, _| proof.record.nonce.0[0] ^= 1), ["proof_fails"]);
    assert_eq!(held(|_, proof, _| proof.size = 8), ["root_unknown"]);
    let dropped = held(|_, _, it| {
        let size = 2;
        it.roots[2] = PublishedRoot { size, ..it.roots[2] };
    });
    assert_eq!(dropped, ["receipt_beyond_root", "root_unknown"]);
    let (mut late, mut early) = (sound(), sound());
    late.draw.as_mut().expect("a draw").frozen_at = at(-70_000);
    early.draw.as_mut().expect("a draw").committed_at = at(-50_000);
    assert_eq!(held(|_, _, it| *it = late), ["joined_after_freeze"]);
    assert_eq!(held(|_, _, it| *it = early), ["joined_before_commitment"]);
    let out = held(|receipt, proof, _| {
        let record =
            LaneRecord { joined_ms: records(0)[8].joined_ms - minutes(2), ..records(0)[8] };
        (receipt.record, proof.record) = (record, record);
    });
    assert_eq!(
        out,
        ["receipt_beyond_root", "left_out_of_cohort", "proof_fails"],
        "before the freeze, and yet behind the cohort"
    );
}

#[test]
fn records_that_were_changed_are_found() {
    let names = |lane, records: Vec<LaneRecord>| {
        let findings = check_roots(&sound(), lane, records);
        findings.iter().map(Finding::name).collect::<Vec<_>>()
    };
    for lane in 0..3 {
        assert_eq!(names(lane, records(lane)), <[&str; 0]>::default(), "{lane}");
    }
    let mut changed = records(0);
    changed[4].nonce.0[3] ^= 1;
    // The cohort's root, the one of the same size that was published later, and the last.
    assert_eq!(names(0, changed), ["records_changed"; 3]);
    let mut missing = records(0);
    missing.remove(6);
    assert_eq!(names(0, missing), ["record_missing"]);
    let mut short = records(0);
    short.truncate(7);
    assert_eq!(names(0, short), ["records_end_early"]);
    let mut inserted = records(0);
    inserted[1].joined_ms += 120_000;
    assert_eq!(names(0, inserted).last(), Some(&"joined_after_freeze"));
}

#[test]
fn findings_are_sentences() {
    let sentence = Finding::HeadBeyond { lane: 2, head: 9, turns: 8 }.to_string();
    assert_eq!(sentence, "the head of lane 2 is 9, and there are only 8 turns");
}
