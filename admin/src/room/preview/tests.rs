use admission::contract::{HoldBack, PaceMode, Pacing, StockState};
use chrono::DateTime;

use super::*;
use crate::room::{
    fixtures::{flow, measures, room},
    line::{PaceFigures, Reason},
    measures::Stock,
};

const ZONE: &str = "Europe/Oslo";

fn words_of(measures: &Measures, change: &RoomChange) -> String {
    effects(&room(), measures, change, ZONE).join(" ")
}

fn words(flow: &Flow, change: &RoomChange) -> String {
    words_of(&measures(*flow), change)
}

#[test]
fn a_rate_is_told_as_the_wait_of_the_last() {
    let change = RoomChange { rate_per_sec: Some(50.0), ..RoomChange::default() };
    assert_eq!(
        words(&flow(12_408), &change),
        "12,408 are waiting. At 50/s at most the last of them waits about 3 to 6 minutes; now \
            it is 6 to 11 minutes. The pace follows checkout, so it may stay slower."
    );
    assert!(
        words(&flow(0), &change).starts_with("Nobody is waiting. Whoever joins is let in at 50/s")
    );
    let stop = RoomChange { rate_per_sec: Some(0.0), ..RoomChange::default() };
    assert!(words(&flow(3), &stop).contains("nobody is let in"));
}

/// As in a sale whose cap was full of people who stayed a quarter of an hour: 2 a second, whatever
/// the rate, where the preview once promised 22 to 30 minutes.
fn full() -> Measures {
    let flow = Flow { admitted_per_sec: 2.0, active: 1900, unclaimed: 100, ..flow(33_840) };
    let held = HoldBack::CheckoutFull { active: 1900, max_active: 2000 };
    let pace = PaceFigures {
        settled_per_sec: Some(25.0),
        held_back: vec![Reason::from(held)],
        show_share: Some(1.0),
        ..PaceFigures::default()
    };
    Measures { pace, freed_per_sec: Some((2.0, 2.0)), ..measures(flow) }
}

#[test]
fn a_rate_that_the_cap_holds_back_promises_no_shorter_wait() {
    let change = RoomChange { rate_per_sec: Some(50.0), ..RoomChange::default() };
    assert_eq!(
        words_of(&full(), &change),
        "33,840 are waiting. At 50/s at most the last of them waits about 3½ to 6 hours; now it \
            is 3½ to 6 hours. Checkout is full, and about 2 of its 2,000 slots become free a \
            second: no more than that are let in, and a higher rate shortens no wait."
    );
    assert!(!words(&flow(12_408), &change).contains("slots"), "it is not full");
    let cap = RoomChange { max_active: Some(3000), ..RoomChange::default() };
    let told = words_of(&full(), &cap);
    let wait = "The last in line waits about 2 to 4 hours; now it is 3½ to 6 hours.";
    assert!(told.contains(wait), "{told}");
}

#[test]
fn a_rate_above_what_checkout_takes_says_so() {
    let mut slow = measures(Flow { admitted_per_sec: 12.0, ..flow(12_408) });
    slow.pace.settled_per_sec = Some(12.0);
    slow.pace.held_back = vec![Reason::from(HoldBack::OrdersSlow { order_ms: 1_400 })];
    let change = RoomChange { rate_per_sec: Some(50.0), ..RoomChange::default() };
    let told = words_of(&slow, &change);
    assert!(
        told.contains("Checkout takes about 12/s at this moment (orders take 1.4 s)"),
        "{told}"
    );
    // The rate was lowered below what checkout takes, and is raised again.
    let mut lowered = measures(flow(12_408));
    lowered.pace.settled_per_sec = Some(25.0);
    lowered.learnt_per_sec = Some(40.0);
    let told = words_of(&lowered, &change);
    assert!(told.contains("Checkout took about 40/s lately: a rate above that"), "{told}");
    assert!(!told.contains("about 3 to 6 minutes"), "{told}");
    // Below that, the rate counts.
    let lower = RoomChange { rate_per_sec: Some(5.0), ..RoomChange::default() };
    assert!(!words_of(&slow, &lower).contains("Checkout takes"));
}

#[test]
fn a_fixed_pace_says_plainly_what_it_risks() {
    let mut slow = measures(Flow { admitted_per_sec: 12.0, ..flow(12_408) });
    slow.pace.settled_per_sec = Some(12.0);
    let fixed = RoomChange { pace_mode: Some(PaceMode::Fixed), ..RoomChange::default() };
    let told = words_of(&slow, &fixed);
    for part in [
        "no longer follows checkout: 25/s are let in, even when checkout is slower",
        "Orders then take longer and may fail",
        "Checkout takes about 12/s at this moment",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let is_fixed =
        RoomState { pacing: Pacing { mode: PaceMode::Fixed, ..Pacing::default() }, ..room() };
    let follow = RoomChange { pace_mode: Some(PaceMode::Follow), ..RoomChange::default() };
    let told = effects(&is_fixed, &slow, &follow, ZONE).join(" ");
    assert!(
        told.contains("1 to 25 a second, so that 99 of 100 orders take less than 1 s"),
        "{told}"
    );
}

#[test]
fn floor_and_target_are_told_with_what_they_were() {
    let change = RoomChange {
        floor_per_sec: Some(5.0),
        order_ms_target: Some(2_500),
        ..RoomChange::default()
    };
    let told = words(&flow(0), &change);
    assert!(told.contains("At least 5/s are let in") && told.contains("now it is 1/s."), "{told}");
    assert!(told.contains("take less than 2.5 s; now it is 1 s. More may be let in"), "{told}");
    let all = RoomChange { floor_per_sec: Some(30.0), ..RoomChange::default() };
    assert!(words(&flow(0), &all).contains("That is the rate or more"));
}

#[test]
fn a_wait_is_not_promised_to_those_for_whom_there_is_no_ticket() {
    let mut few = measures(flow(12_408));
    few.stock = Stock {
        allotted: 5_000,
        left: Some(600),
        held: Some(0),
        stock_state: Some(StockState::Available),
        per_fan: Some(2.0),
        ..Stock::default()
    };
    let change = RoomChange { rate_per_sec: Some(50.0), ..RoomChange::default() };
    let told = words_of(&few, &change);
    assert!(told.contains("Tickets are left for about 200 of them"), "{told}");
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
        text.contains(
            "100 fans who were let in must wait at the door to checkout until 301 sessions have \
                left. Their time to claim stands still meanwhile."
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
    // Of 2,000 on their way one in ten comes: the gate counts 800 inside, and goes on.
    let mut away = measures(Flow { active: 600, unclaimed: 2_000, ..flow(10) });
    away.pace.show_share = Some(0.1);
    let thousand = RoomState { max_active: 1_000, ..room() };
    let to = |cap| {
        let lower = RoomChange { max_active: Some(cap), ..RoomChange::default() };
        effects(&thousand, &away, &lower, ZONE).join(" ")
    };
    let text = to(900);
    assert!(text.contains("about 200 of whom will. 100 more can be inside."), "{text}");
    assert!(!text.contains("above") && !text.contains("door"), "{text}");
    let text = to(700);
    assert!(text.contains("100 above the new cap"), "{text}");
    assert!(text.contains("Of those let in, 100 must wait at the door"), "{text}");
    let higher = RoomChange { max_active: Some(3000), ..RoomChange::default() };
    let full = Flow { active: 1900, ..flow(12_408) };
    assert!(words(&full, &higher).contains("1,000 of those who wait can be let in at once"));
}

#[test]
fn opening_while_the_sale_is_stopped_promises_nothing() {
    let open = RoomChange { phase: Some(Phase::Open), ..RoomChange::default() };
    let paused = RoomState { phase: Phase::Paused, ..room() };
    let stopped = RoomState { stop: Some(catalog::contract::Stop::Suspended), ..paused.clone() };
    let told = |room: &RoomState| effects(room, &measures(flow(12_408)), &open, ZONE).join(" ");
    assert!(told(&paused).contains("They are let in at 25/s at most"));
    let told = told(&stopped);
    assert!(told.contains("nobody is let in until it goes on") && !told.contains("25/s"), "{told}");
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
            &measures(flow(0)),
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
        ..RoomChange::default()
    };
    assert_eq!(effects(&room(), &measures(flow(5)), &same, ZONE), Vec::<String>::new());
    assert_eq!(
        effects(
            &room(),
            &measures(flow(5)),
            &RoomChange { claim_window_secs: Some(60), message: Some("Soon.".into()), ..same },
            ZONE
        )
        .len(),
        2
    );
}
