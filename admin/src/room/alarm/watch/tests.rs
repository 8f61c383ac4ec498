use admission::contract::{HoldBack, StockState};
use chrono::TimeDelta;
use waitroom::contract::Phase;

use super::*;
use crate::room::{
    alarm::Severity,
    fixtures::{flow, measures, room},
    line::Reason,
};

/// A room that is looked at once a second.
struct Looks {
    watch: Watch,
    room: RoomState,
    measures: Measures,
    secs: i64,
}

impl Looks {
    fn new() -> Self {
        let mut measures = measures(flow(500));
        measures.pace.told_at = Some(DateTime::UNIX_EPOCH);
        Self { watch: Watch::default(), room: room(), measures, secs: 0 }
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(self.secs)
    }

    /// Looks `times` times, letting in so many each time; the names of the alarms that stand then.
    fn look(&mut self, times: i64, let_in: i64) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..times {
            self.secs += 1;
            self.measures.flow.admitted += let_in;
            self.measures.flow.admitted_per_sec = let_in as f64;
            let now = self.now();
            self.measures.pace.told_at = self.measures.pace.told_at.map(|_| now);
            let alarms = self.watch.look(now, &self.room, &self.measures);
            names = alarms.iter().map(|alarm| alarm.alarm.to_string()).collect();
        }
        names
    }

    fn words(&mut self) -> String {
        let alarms = self.watch.look(self.now(), &self.room, &self.measures);
        alarms.into_iter().map(|alarm| alarm.words).collect()
    }

    fn hold(&mut self, reasons: &[HoldBack]) {
        self.measures.pace.held_back = reasons.iter().map(|of| Reason::from(*of)).collect();
    }
}

const NONE: [&str; 0] = [];

#[test]
fn a_line_that_stands_is_told_after_a_while_with_its_reason_and_cleared_when_it_moves() {
    let mut looks = Looks::new();
    looks.hold(&[HoldBack::CheckoutFull { active: 100, max_active: 100 }]);
    assert_eq!(looks.look(30, 25), NONE);
    assert_eq!(looks.look(14, 0), NONE);
    assert_eq!(looks.look(1, 0), ["line_stands"]);
    assert_eq!(
        looks.words(),
        "The line stands: nobody was let in for 15 s, and 500 fans wait. Held back: 100 of 100 \
            are in checkout."
    );
    // One that is let in now and then does not clear it at once, and does not raise it anew.
    assert_eq!(looks.look(5, 25), ["line_stands"]);
    assert_eq!(looks.look(1, 25), NONE);
}

#[test]
fn a_line_that_may_stand_is_no_alarm() {
    for change in [
        |looks: &mut Looks| looks.room.phase = Phase::Paused,
        |looks: &mut Looks| looks.room.stop = Some(catalog::contract::Stop::Suspended),
        |looks: &mut Looks| looks.measures.flow.waiting = 0,
        |looks: &mut Looks| looks.measures.stock.stock_state = Some(StockState::AllHeld),
        // Three tickets are free, and the fifty inside are undecided.
        |looks: &mut Looks| {
            looks.measures.stock.stock_state = Some(StockState::FewLeft);
            looks.hold(&[HoldBack::StockLow { free: 3 }]);
        },
    ] {
        let mut looks = Looks::new();
        change(&mut looks);
        assert_eq!(looks.look(60, 0), NONE);
        // Once it may not stand any more, it has the whole time to move.
        looks.room = room();
        looks.measures.flow.waiting = 500;
        looks.measures.stock.stock_state = None;
        looks.hold(&[]);
        assert_eq!(looks.look(14, 0), NONE);
    }
    // Where one fan in twenty seconds is asked for, the line does not stand after fifteen.
    let mut slow = Looks::new();
    slow.room.rate_per_sec = 0.05;
    assert_eq!(slow.look(59, 0), NONE);
    assert!(slow.look(2, 0).contains(&"line_stands".to_owned()));
}

#[test]
fn a_pace_below_the_asked_is_told_after_half_a_minute_and_does_not_flicker() {
    let mut looks = Looks::new();
    looks.hold(&[HoldBack::OrdersSlow { order_ms: 1_400 }]);
    assert_eq!(looks.look(30, 12), NONE);
    assert_eq!(looks.look(1, 12), ["pace_below_asked"]);
    assert_eq!(
        looks.words(),
        "12/s are let in, and 25/s were asked for. Held back: orders take 1.4 s."
    );
    // Up and down around the threshold it stays, and so it does where it is only just right.
    for _ in 0..10 {
        assert_eq!(looks.look(3, 23), ["pace_below_asked"]);
        assert_eq!(looks.look(5, 25), ["pace_below_asked"]);
    }
    looks.hold(&[]);
    assert_eq!(looks.look(6, 25), NONE);
    // Fewer come than might: nobody is held back.
    let mut quiet = Looks::new();
    quiet.measures.flow.waiting = 3;
    assert_eq!(quiet.look(120, 2), NONE);
}

#[test]
fn passes_that_nobody_claims_are_told_and_cleared_with_a_margin() {
    let mut looks = Looks::new();
    looks.measures.flow.unclaimed = 1_000;
    assert_eq!(looks.look(15, 25), NONE);
    assert_eq!(looks.look(1, 25), ["passes_unclaimed"]);
    looks.measures.flow.unclaimed = 900;
    assert_eq!(looks.look(60, 25), ["passes_unclaimed"]);
    looks.measures.flow.unclaimed = 700;
    assert_eq!(looks.look(11, 25), NONE);
}

#[test]
fn errors_of_checkout_come_first_and_stay_until_ten_seconds_were_fine() {
    let mut looks = Looks::new();
    assert_eq!(looks.look(5, 25), NONE);
    looks.hold(&[HoldBack::CheckoutFails { per_mille: 25 }]);
    assert_eq!(looks.look(3, 25), NONE);
    assert_eq!(looks.look(1, 25), ["checkout_errors"]);
    looks.hold(&[HoldBack::CheckoutFails { per_mille: 5 }]);
    assert_eq!(looks.look(30, 25), ["checkout_errors"]);
    looks.hold(&[]);
    assert_eq!(looks.look(10, 25), ["checkout_errors"]);
    assert_eq!(looks.look(1, 25), NONE);
    looks.hold(&[HoldBack::CheckoutAway]);
    assert_eq!(looks.look(20, 0), ["line_stands", "checkout_errors"], "the weightiest first");
}

#[test]
fn sold_out_is_told_at_once_and_cleared_when_tickets_came_back() {
    let mut looks = Looks::new();
    looks.measures.stock.stock_state = Some(StockState::SoldOut);
    assert_eq!(looks.look(1, 0), ["sold_out"]);
    assert_eq!(looks.look(60, 0), ["sold_out"], "the line stands as it should");
    looks.measures.stock.stock_state = Some(StockState::FewLeft);
    assert_eq!(looks.look(5, 1).first().map(String::as_str), Some("sold_out"));
    assert!(!looks.look(1, 1).contains(&"sold_out".to_owned()));
}

#[test]
fn silence_is_told_where_somebody_waits() {
    let mut looks = Looks::new();
    assert_eq!(looks.look(5, 25), NONE);
    let later = looks.now() + TimeDelta::seconds(12);
    let alarms = looks.watch.look(later, &looks.room, &looks.measures);
    assert_eq!(alarms[0].words, "Nothing was heard of the line for 12 s, and 500 fans wait.");
    assert_eq!(alarms[0].severity, Severity::Act);
    let mut quiet = Looks::new();
    quiet.measures.flow.waiting = 0;
    assert_eq!(quiet.watch.look(later, &quiet.room, &quiet.measures), Vec::new());
}

#[test]
fn a_draw_that_waits_is_told_after_a_while_and_over_once_it_is_made() {
    let mut looks = Looks::new();
    looks.room.phase = Phase::Drawing;
    assert_eq!(looks.look(10, 0), NONE);
    assert_eq!(looks.look(1, 0), ["draw_waits"]);
    looks.room.phase = Phase::Open;
    assert_eq!(looks.look(1, 5), NONE);
}

#[test]
fn nobody_asked_a_room_for_a_pace_that_passes_everybody_through() {
    let mut looks = Looks::new();
    looks.hold(&[HoldBack::CheckoutFull { active: 100, max_active: 100 }]);
    assert!(looks.look(40, 1).contains(&"pace_below_asked".to_owned()));
    let mut looks = Looks::new();
    looks.hold(&[HoldBack::CheckoutFull { active: 100, max_active: 100 }]);
    looks.room.method = admission::contract::LineMethod::Passthrough;
    assert_eq!(looks.look(40, 1), NONE);
}
