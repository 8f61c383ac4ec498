//! What a change does to those who wait, in words and numbers, before it is done. Pure.

use catalog::contract::{price::grouped, when};
use chrono::{DateTime, Utc};
use waitroom::contract::{Phase, RoomChange, RoomState, wait_secs};

use crate::room::figures::Flow;

/// Let in so much more slowly than asked, a room is held back by something else than its rate.
const HELD_BACK: f64 = 0.8;

/// What a change would do: one sentence or more for each thing that changes, the weightiest first.
/// Empty where nothing would change. Times are told in the venue's `time_zone`.
pub fn effects(room: &RoomState, flow: &Flow, change: &RoomChange, time_zone: &str) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(phase) = change.phase.filter(|phase| *phase != room.phase) {
        words.push(phase_words(
            room,
            flow,
            phase,
            change.rate_per_sec.unwrap_or(room.rate_per_sec),
            time_zone,
        ));
    }
    if let Some(rate) =
        change.rate_per_sec.filter(|rate| (*rate - room.rate_per_sec).abs() > f64::EPSILON)
    {
        words.push(rate_words(room, flow, rate));
    }
    if let Some(cap) = change.max_active.filter(|cap| *cap != room.max_active) {
        words.push(cap_words(room, flow, cap));
    }
    if let Some(window) =
        change.claim_window_secs.filter(|window| *window != room.claim_window_secs)
    {
        words.push(window_words(room, window));
    }
    if let Some(message) = change.message.as_ref().filter(|message| **message != room.message) {
        words.push(message_words(flow, message));
    }
    words
}

/// `12,408`
pub fn count(number: i64) -> String {
    grouped(number.max(0).unsigned_abs())
}

/// `21 November 2026, 19:30:09 UTC`
pub fn moment(at: &DateTime<Utc>) -> String {
    at.format("%-d %B %Y, %H:%M:%S UTC").to_string()
}

/// `pre-queue`
pub fn phase_name(phase: &Phase) -> String {
    phase.to_string().replace('_', "-")
}

/// `50`, `2.5`
pub fn per_sec(rate: f64) -> String {
    let rounded = (rate * 100.0).round() / 100.0;
    rounded.to_string()
}

fn people(number: i64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", count(number)) }
}

/// `12,408 are waiting.`
pub fn waiting_words(flow: &Flow) -> String {
    match flow.waiting {
        0 => "Nobody is waiting.".to_owned(),
        1 => "1 is waiting.".to_owned(),
        waiting => format!("{} are waiting.", count(waiting)),
    }
}

/// `about 4 to 5 minutes`, or `None` where nobody is let in.
pub fn wait_words(waiting: i64, rate_per_sec: f64) -> Option<String> {
    let (low, high) = wait_secs(waiting, rate_per_sec)?;
    let of = |secs: u64, unit: u64| ((secs + unit / 2) / unit).max(1);
    Some(if high < 60 {
        "less than a minute".to_owned()
    } else if high < 120 * 60 {
        range_words(of(low, 60), of(high, 60), "minute")
    } else {
        range_words(of(low, 3600), of(high, 3600), "hour")
    })
}

fn range_words(low: u64, high: u64, unit: &str) -> String {
    match (low, high) {
        (1, 1) => format!("about 1 {unit}"),
        (low, high) if low == high => format!("about {low} {unit}s"),
        (low, high) => format!("about {low} to {high} {unit}s"),
    }
}

fn phase_words(room: &RoomState, flow: &Flow, phase: Phase, rate: f64, time_zone: &str) -> String {
    let waiting = waiting_words(flow);
    match phase {
        Phase::Open if room.stop.is_some() => format!(
            "The sale of its show is stopped: nobody is let in until it goes on, and the room \
                opens then. {waiting} All keep \
             their places, and more may join."
        ),
        Phase::Open => match wait_words(flow.waiting, rate).filter(|_| flow.waiting > 0) {
            Some(wait) => format!(
                "The room opens. {waiting} They are let in at {}/s at most; the last of them waits \
                    {wait}.",
                per_sec(rate)
            ),
            None => format!(
                "The room opens. {waiting} Whoever joins is let in at {}/s at most.",
                per_sec(rate)
            ),
        },
        Phase::Paused => format!(
            "{waiting} Nobody is let in until the room is resumed; they keep their places, and \
                more may join. {} let in \
             already may still come, and {} in checkout can finish.",
            people(flow.unclaimed, "fan who was", "fans who were"),
            people(flow.active, "session", "sessions"),
        ),
        Phase::Closed => format!(
            "This cannot be undone. {waiting} None of them will be let in, and their places are \
                lost; nobody can join any \
             more. {} let in already may still come, and {} in checkout can finish.",
            people(flow.unclaimed, "fan who was", "fans who were"),
            people(flow.active, "session", "sessions"),
        ),
        Phase::PreQueue => {
            "Fans can join the line from now on. Nobody is let in before the room is opened."
                .to_owned()
        }
        Phase::Draft | Phase::Scheduled => {
            let opens = match (&room.opens_at, phase) {
                (Some(_), Phase::Draft) => {
                    " It does not open by itself while it is a draft.".to_owned()
                }
                (Some(at), _) => format!(" It opens by itself on {}.", when::full(*at, time_zone)),
                (None, _) => String::new(),
            };
            format!(
                "The room becomes {}. Nobody can join until it opens. Now it is {}.{opens}",
                phase_name(&phase),
                phase_name(&room.phase)
            )
        }
    }
}

fn rate_words(room: &RoomState, flow: &Flow, rate: f64) -> String {
    let mut words = waiting_words(flow);
    words.push(' ');
    match (wait_words(flow.waiting, rate), wait_words(flow.waiting, room.rate_per_sec)) {
        _ if flow.waiting == 0 => {
            words += &format!(
                "Whoever joins is let in at {}/s at most; now it is {}/s.",
                per_sec(rate),
                per_sec(room.rate_per_sec)
            );
        }
        (Some(then), Some(now)) => {
            words += &format!(
                "At {}/s the last of them waits {then}; now it is {}.",
                per_sec(rate),
                now.trim_start_matches("about ")
            );
        }
        (Some(then), None) => {
            words += &format!(
                "At {}/s the last of them waits {then}; now nobody is let in.",
                per_sec(rate)
            )
        }
        (None, _) => words += "At 0/s nobody is let in, and nobody can be told how long it takes.",
    }
    let is_held_back = flow.waiting > 0
        && room.phase == Phase::Open
        && flow.admitted_per_sec < room.rate_per_sec * HELD_BACK
        && flow.active + flow.unclaimed >= i64::from(room.max_active);
    if is_held_back && rate > flow.admitted_per_sec {
        words += &format!(
            " At this moment only {}/s are let in, because checkout is full: a higher rate \
                shortens no wait before there is \
             room in it.",
            per_sec(flow.admitted_per_sec)
        );
    }
    if matches!(room.phase, Phase::Paused) {
        words += " The room is paused, so it counts only once it is resumed.";
    }
    words
}

fn cap_words(room: &RoomState, flow: &Flow, cap: i32) -> String {
    let taken = flow.active + flow.unclaimed;
    let (cap_text, now) = (count(i64::from(cap)), count(i64::from(room.max_active)));
    let inside = format!(
        "{} in checkout, and {} let in may still come",
        people(flow.active, "session is", "sessions are"),
        people(flow.unclaimed, "fan who was", "fans who were")
    );
    let over = taken - i64::from(cap);
    if over > 0 {
        let mut words = format!(
            "The cap becomes {cap_text}; now it is {now}. {inside}. That is {} above the new cap: \
                nobody is sent away, but \
             nobody more is let in until so many have left.",
            count(over)
        );
        words += &at_the_door(flow, i64::from(cap));
        return words;
    }
    let free = -over;
    let held_back = taken >= i64::from(room.max_active);
    let then = if cap > room.max_active && held_back && flow.waiting > 0 {
        format!(
            "{} of those who wait can be let in at once, as fast as the rate allows.",
            count(free.min(flow.waiting))
        )
    } else {
        format!("{} more can be inside.", count(free))
    };
    format!("The cap becomes {cap_text}; now it is {now}. {inside}. {then}")
}

/// What becomes of those who were let in and are on their way, where there is no room for all of
/// them: the door to checkout counts sessions, not turns.
fn at_the_door(flow: &Flow, cap: i64) -> String {
    let kept_out = flow.unclaimed.min(flow.active + flow.unclaimed - cap);
    if kept_out <= 0 {
        return String::new();
    }
    let who = if kept_out < flow.unclaimed {
        format!(
            " Of those let in, {} must wait at the door to checkout until others have left.",
            count(kept_out)
        )
    } else {
        format!(
            " {} must wait at the door to checkout until {} left.",
            people(kept_out, "fan who was let in", "fans who were let in"),
            people(flow.active - cap + 1, "session has", "sessions have")
        )
    };
    format!("{who} Whoever is still there after their time loses their turn.")
}

fn window_words(room: &RoomState, window: i32) -> String {
    let now = room.claim_window_secs;
    let then = if window < now {
        "More of them may miss their turn, and places of those who do are given on sooner."
    } else {
        "Fewer of them miss their turn, but slots are kept longer for those who never come."
    };
    format!(
        "Whoever is let in from now on has {window} seconds to come; now it is {now}. Turns that \
            were given keep their time. {then}"
    )
}

fn message_words(flow: &Flow, message: &str) -> String {
    let who = match flow.waiting {
        0 => "Whoever joins".to_owned(),
        1 => "The one who waits".to_owned(),
        waiting => format!("All {} who wait", count(waiting)),
    };
    if message.is_empty() {
        format!("{who} will see no message.")
    } else {
        format!("{who} will read: “{message}”")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str = "Europe/Oslo";

    fn room() -> RoomState {
        RoomState {
            room: "r".parse().expect("a name"),
            show: "s".into(),
            phase: Phase::Open,
            lanes: 4,
            rate_per_sec: 25.0,
            max_active: 2000,
            claim_window_secs: 120,
            message: String::new(),
            opens_at: None,
            closes_at: None,
            stop: None,
        }
    }

    fn flow(waiting: i64) -> Flow {
        Flow {
            waiting,
            inflow_per_sec: 0.0,
            admitted: 5000,
            admitted_per_sec: 25.0,
            claimed: 4000,
            no_shows: 900,
            unclaimed: 100,
            active: 900,
        }
    }

    fn words(flow: &Flow, change: &RoomChange) -> String {
        effects(&room(), flow, change, ZONE).join(" ")
    }

    #[test]
    fn a_rate_is_told_as_the_wait_of_the_last() {
        let change = RoomChange { rate_per_sec: Some(50.0), ..RoomChange::default() };
        assert_eq!(
            words(&flow(12_408), &change),
            "12,408 are waiting. At 50/s the last of them waits about 4 to 5 minutes; now it is 7 \
                to 10 minutes."
        );
        assert!(
            words(&flow(0), &change)
                .starts_with("Nobody is waiting. Whoever joins is let in at 50/s")
        );
        let stop = RoomChange { rate_per_sec: Some(0.0), ..RoomChange::default() };
        assert!(words(&flow(3), &stop).contains("nobody is let in"));
    }

    #[test]
    fn a_rate_that_the_cap_holds_back_is_not_promised() {
        let full = Flow { admitted_per_sec: 3.0, active: 1900, ..flow(12_408) };
        let change = RoomChange { rate_per_sec: Some(50.0), ..RoomChange::default() };
        assert!(words(&full, &change).contains("only 3/s are let in, because checkout is full"));
        assert!(!words(&flow(12_408), &change).contains("full"));
    }

    #[test]
    fn a_lower_cap_sends_nobody_away_and_says_so() {
        let change = RoomChange { max_active: Some(600), ..RoomChange::default() };
        let text = words(&flow(10), &change);
        assert!(
            text.contains("400 above the new cap") && text.contains("nobody is sent away"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "100 fans who were let in must wait at the door to checkout until 301 sessions \
                    have left. Whoever is still \
                 there after their time loses their turn."
            ),
            "{text}"
        );
        // Exactly full: the first of them comes in when one has left.
        let full = words(&flow(10), &RoomChange { max_active: Some(900), ..RoomChange::default() });
        assert!(full.contains("until 1 session has left"), "{full}");
        let some = words(&flow(10), &RoomChange { max_active: Some(950), ..RoomChange::default() });
        assert!(some.contains("Of those let in, 50 must wait at the door"), "{some}");
        let nobody = Flow { unclaimed: 0, ..flow(10) };
        let text = words(&nobody, &RoomChange { max_active: Some(600), ..RoomChange::default() });
        assert!(!text.contains("door"), "{text}");
        let higher = RoomChange { max_active: Some(3000), ..RoomChange::default() };
        let full = Flow { active: 1900, ..flow(12_408) };
        assert!(words(&full, &higher).contains("1,000 of those who wait can be let in at once"));
    }

    #[test]
    fn opening_while_the_sale_is_stopped_promises_nothing() {
        let open = RoomChange { phase: Some(Phase::Open), ..RoomChange::default() };
        let paused = RoomState { phase: Phase::Paused, ..room() };
        let stopped =
            RoomState { stop: Some(catalog::contract::Stop::Suspended), ..paused.clone() };
        let told = |room: &RoomState| effects(room, &flow(12_408), &open, ZONE).join(" ");
        assert!(told(&paused).contains("They are let in at 25/s at most"));
        let told = told(&stopped);
        assert!(
            told.contains("nobody is let in until it goes on") && !told.contains("25/s"),
            "{told}"
        );
    }

    #[test]
    fn closing_says_what_is_lost() {
        let change = RoomChange { phase: Some(Phase::Closed), ..RoomChange::default() };
        let text = words(&flow(12_408), &change);
        for part in [
            "cannot be undone",
            "12,408 are waiting",
            "places are lost",
            "900 sessions in checkout can finish",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn going_back_to_draft_says_that_nothing_opens_by_itself() {
        let scheduled =
            RoomState { phase: Phase::Scheduled, opens_at: Some(DateTime::UNIX_EPOCH), ..room() };
        let to = |room: &RoomState, phase| {
            effects(
                room,
                &flow(0),
                &RoomChange { phase: Some(phase), ..RoomChange::default() },
                ZONE,
            )
            .join(" ")
        };
        assert!(to(&scheduled, Phase::Draft).contains("does not open by itself"));
        let draft = RoomState { phase: Phase::Draft, ..scheduled };
        assert!(
            to(&draft, Phase::Scheduled)
                .contains("opens by itself on Thursday 1 January 1970 at 01:00, Oslo time")
        );
    }

    #[test]
    fn what_stays_as_it_is_has_no_words() {
        let same = RoomChange {
            phase: Some(Phase::Open),
            rate_per_sec: Some(25.0),
            max_active: Some(2000),
            claim_window_secs: Some(120),
            message: Some(String::new()),
        };
        assert_eq!(effects(&room(), &flow(5), &same, ZONE), Vec::<String>::new());
        assert_eq!(
            effects(
                &room(),
                &flow(5),
                &RoomChange { claim_window_secs: Some(60), message: Some("Soon.".into()), ..same },
                ZONE
            )
            .len(),
            2
        );
    }
}
