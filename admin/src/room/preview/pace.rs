//! What a change does to how fast the line moves: the rate, what the pace follows, and between
//! which bounds. Pure.

use admission::contract::PaceMode;
use waitroom::contract::{Phase, RoomState};

use crate::room::{
    measures::Measures,
    outlook::{Bound, bound, last_wait, outlook},
    words::{count, per_sec, waiting_words},
};

/// A sentence or more for each thing that changes; none where the pace stays as it is.
pub fn words(room: &RoomState, then: &RoomState, measures: &Measures) -> Vec<String> {
    let mut words = Vec::new();
    let differs = |one: f64, other: f64| (one - other).abs() > f64::EPSILON;
    let is_rate = differs(then.rate_per_sec, room.rate_per_sec);
    if is_rate {
        words.push(rate_words(room, then, measures));
    }
    if then.pacing.mode != room.pacing.mode {
        words.push(mode_words(then, measures));
    }
    if differs(then.pacing.floor_per_sec, room.pacing.floor_per_sec) {
        words.push(floor_words(room, then));
    }
    if then.pacing.order_ms_target != room.pacing.order_ms_target {
        words.push(target_words(room, then));
    }
    if !is_rate && (!words.is_empty() || then.max_active != room.max_active) {
        words.extend(wait_words(room, then, measures));
    }
    if !words.is_empty() {
        let bound = bound_words(room, then, measures);
        let follows = then.pacing.mode == PaceMode::Follow && room.pacing.mode == then.pacing.mode;
        let is_raised = follows && then.rate_per_sec > room.rate_per_sec;
        if bound.is_none() && is_raised && measures.flow.waiting > 0 {
            words.push("The pace follows checkout, so it may stay slower.".to_owned());
        }
        words.extend(bound);
    }
    if !words.is_empty() && room.phase == Phase::Paused && then.phase == Phase::Paused {
        words.push("The room is paused, so it counts only once it is resumed.".to_owned());
    }
    words
}

/// How the wait changes where the rate stays.
fn wait_words(room: &RoomState, then: &RoomState, measures: &Measures) -> Option<String> {
    let wait = |then| last_wait(room, then, measures);
    let (then, now) = (wait(then)?, wait(room)?);
    (then != now)
        .then(|| format!("The last in line waits {}; now it is {}.", then.words, now.bare()))
}

fn rate_words(room: &RoomState, then: &RoomState, measures: &Measures) -> String {
    let flow = &measures.flow;
    let (rate, now) = (per_sec(then.rate_per_sec), per_sec(room.rate_per_sec));
    let waiting = waiting_words(flow);
    let wait = |then| last_wait(room, then, measures);
    match (wait(then), wait(room)) {
        _ if then.rate_per_sec <= 0.0 => {
            format!("{waiting} At 0/s nobody is let in, and nobody can be told how long it takes.")
        }
        _ if flow.waiting == 0 => {
            format!("{waiting} Whoever joins is let in at {rate}/s at most; now it is {now}/s.")
        }
        (Some(then), Some(now)) => format!(
            "{waiting} At {rate}/s at most the last of them waits {}; now it is {}.{}",
            then.words,
            now.bare(),
            tickets_words(room, measures)
        ),
        (Some(then), None) => format!(
            "{waiting} At {rate}/s at most the last of them waits {}; now nobody is let in.",
            then.words
        ),
        (None, _) => format!(
            "{waiting} The rate becomes {rate}/s; now it is {now}/s. Nobody is let in at this \
                moment, so nobody can be told how long it takes."
        ),
    }
}

/// That the tickets end before the line does.
fn tickets_words(room: &RoomState, measures: &Measures) -> String {
    match outlook(room, measures).served {
        Some(served) if served < measures.staying() => format!(
            " Tickets are left for about {} of them: the others wait for what comes back.",
            count(served)
        ),
        _ => String::new(),
    }
}

/// What keeps the line from the rate, and what would change that.
fn bound_words(room: &RoomState, then: &RoomState, measures: &Measures) -> Option<String> {
    if measures.flow.waiting == 0 {
        return None;
    }
    let reasons: Vec<&str> =
        measures.pace.held_back.iter().map(|reason| reason.words.as_str()).collect();
    let because =
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
    Some(match bound(room, then, measures)? {
        Bound::Checkout { per_sec: pace } if reasons.is_empty() => format!(
            "Checkout took about {}/s lately: a rate above that shortens no wait.",
            per_sec(pace)
        ),
        Bound::Checkout { per_sec: pace } => format!(
            "Checkout takes about {}/s at this moment{because}: a rate above that shortens no \
                wait.",
            per_sec(pace)
        ),
        Bound::Full { per_sec: pace } => format!(
            "Checkout is full, and about {} of its {} slots become free a second: no more than \
                that are let in, and a higher rate shortens no wait.",
            per_sec(pace),
            count(then.max_active.into())
        ),
        Bound::Elsewhere { per_sec: pace } => format!(
            "Only {}/s are let in at this moment{because}, whatever the settings.",
            per_sec(pace)
        ),
    })
}

fn mode_words(then: &RoomState, measures: &Measures) -> String {
    let (rate, floor) = (per_sec(then.rate_per_sec), per_sec(then.pacing.floor_per_sec));
    match then.pacing.mode {
        PaceMode::Follow => format!(
            "The pace follows checkout: as many are let in as it can take, {floor} to {rate} a \
                second, so that 99 of 100 orders take less than {}.",
            secs(then.pacing.order_ms_target)
        ),
        PaceMode::Fixed => {
            let known = measures.pace.settled_per_sec.filter(|pace| *pace < then.rate_per_sec);
            let now = known.map_or_else(String::new, |pace| {
                format!(" Checkout takes about {}/s at this moment.", per_sec(pace))
            });
            format!(
                "The pace no longer follows checkout: {rate}/s are let in, even when checkout is \
                    slower. Orders then take longer and may fail, and fans with a pass must wait \
                    at the door. The cap, the stock and a shut door still hold the line.{now}"
            )
        }
    }
}

fn floor_words(room: &RoomState, then: &RoomState) -> String {
    let (floor, now) = (then.pacing.floor_per_sec, room.pacing.floor_per_sec);
    let rest = if then.pacing.mode == PaceMode::Fixed {
        " It counts once the pace follows checkout."
    } else if floor >= then.rate_per_sec {
        " That is the rate or more: the pace is the rate, whatever checkout says."
    } else {
        ""
    };
    format!(
        "At least {}/s are let in while the door is open and there are tickets, even when orders \
            take longer than their target; now it is {}/s.{rest}",
        per_sec(floor),
        per_sec(now)
    )
}

fn target_words(room: &RoomState, then: &RoomState) -> String {
    let (target, now) = (then.pacing.order_ms_target, room.pacing.order_ms_target);
    let rest = if then.pacing.mode == PaceMode::Fixed {
        "It counts once the pace follows checkout."
    } else if target > now {
        "More may be let in, and each of them waits longer for an order."
    } else {
        "Fewer may be let in, and each of them waits shorter for an order."
    };
    format!(
        "The pace is kept so that 99 of 100 orders take less than {}; now it is {}. {rest}",
        secs(target),
        secs(now)
    )
}

/// `1 s`, `1.4 s`
fn secs(ms: i32) -> String {
    format!("{} s", f64::from(ms) / 1000.0)
}
