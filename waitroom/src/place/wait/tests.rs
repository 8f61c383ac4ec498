use std::collections::BTreeMap;

use admission::contract::{LaneHead, PlaceId};

use super::*;
use crate::place::{self, chance::Odds};

/// The table that the queue page's script passes too.
#[derive(Deserialize)]
struct Cases {
    words: Vec<Words>,
    sentences: BTreeMap<String, String>,
    curve: WaitCurve,
    waits: Vec<Wait>,
    ahead: Vec<AheadCase>,
    chances: Vec<ChanceCase>,
}

#[derive(Deserialize)]
struct Words {
    low_secs: u64,
    high_secs: u64,
    words: String,
}

#[derive(Deserialize)]
struct Wait {
    ahead: i64,
    low_secs: Option<u64>,
    high_secs: Option<u64>,
}

#[derive(Deserialize)]
struct AheadCase {
    lane: i32,
    offset: i64,
    lanes: Vec<LaneHead>,
    ahead: i64,
}

#[derive(Deserialize)]
struct ChanceCase {
    odds: Odds,
    ahead: i64,
    percent: u8,
    almost_none: bool,
}

fn cases() -> Cases {
    serde_json::from_str(include_str!("../../../assets/wait_cases.json")).expect("the table")
}

#[test]
fn waits_are_said_the_way_people_say_them() {
    for Words { low_secs, high_secs, words } in cases().words {
        assert_eq!(WaitRange { low_secs, high_secs }.words(), words, "{low_secs} to {high_secs}");
    }
}

#[test]
fn where_there_is_no_range_a_sentence_says_why() {
    let sentences = cases().sentences;
    for (say, sentence) in &sentences {
        let say: WaitSay = serde_json::from_value(say.as_str().into()).expect("a name");
        assert_eq!(WaitCurve::without_range(say).sentence(7), *sentence);
    }
    assert_eq!(sentences.len(), 9, "each has its own");
}

#[test]
fn between_two_points_the_wait_lies_between() {
    let Cases { curve, waits, .. } = cases();
    for Wait { ahead, low_secs, high_secs } in waits {
        let range = curve.range(ahead).map(|range| (range.low_secs, range.high_secs));
        assert_eq!(range, low_secs.zip(high_secs), "{ahead} ahead");
    }
    assert_eq!(curve.sentence(1_100), "That is about 15 to 25 minutes.");
}

#[test]
fn people_ahead_are_those_of_the_table() {
    for AheadCase { lane, offset, lanes, ahead } in cases().ahead {
        let place = PlaceId { room: "r".parse().expect("a name"), lane, offset };
        assert_eq!(place::ahead(&place, &lanes), ahead, "{place} in {lanes:?}");
    }
}

#[test]
fn chances_are_those_of_the_table() {
    for ChanceCase { odds, ahead, percent, almost_none } in cases().chances {
        assert_eq!(odds.percent(ahead), percent, "{odds:?} behind {ahead}");
        assert_eq!(odds.is_almost_none(ahead), almost_none, "{odds:?} behind {ahead}");
    }
}

#[test]
fn a_clock_says_when_and_an_endless_wait_has_none() {
    let now = DateTime::from_timestamp(1_000, 0).expect("a time");
    let range = WaitRange { low_secs: 60, high_secs: 90 };
    let times = range.clock(now).map(|(from, to)| (from.timestamp(), to.timestamp()));
    assert_eq!(times, Some((1_060, 1_090)));
    assert_eq!(WaitRange { low_secs: 0, high_secs: u64::MAX }.clock(now), None);
}
