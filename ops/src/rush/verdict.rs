//! What must not have happened, in sentences. Pure.

use std::collections::BTreeMap;

use super::{
    args::{RushArgs, Struck},
    check::{Found, Lost},
    course::{Course, Ended},
    measure::{HeldByCap, Settled},
    tally::Counts,
};

/// The line may be let in so much slower, or faster, than the pace that was told.
const PACE_SHARE_MIN: f64 = 0.9;
/// Where a server was taken away meanwhile.
const STRUCK_SHARE_MIN: f64 = 0.3;
const PACE_SHARE_MAX: f64 = 1.1;
/// What a pause saved up, and what was granted just before a new pace was told, may be let in on
/// top, in seconds of the pace.
const PACE_EXTRA_SECS: f64 = 1.0;
/// A room that only its cap holds has this share of it inside.
const CAP_SHARE_MIN: f64 = 0.9;
/// Nobody with a pass stands longer at the door, in milliseconds: a bot asks again every second or
/// so, and in a checkout that is full somebody leaves each moment.
const DOOR_MS_MAX: u64 = 10_000;
/// Of those with a pass, so many may be asked to wait at the door. The gate counts on those on
/// their way with a standard deviation to spare, so that an unlucky moment in ten or so is normal;
/// few of them find anybody at the door.
const TURNED_AWAY_SHARE_MAX: f64 = 0.05;
/// Fewer say nothing about a share.
const TURNED_AWAY_MIN: u64 = 5;
/// Once the pace has found its place, so much more than the target may the slowest orders take.
const ORDER_TARGET_TIMES_MAX: f64 = 1.5;
/// What a room's target is unless it is asked for, in milliseconds.
const ORDER_TARGET_MS: i32 = 1000;
/// The line is told that it is sold out, and a ticket that came back lets somebody in, within so
/// many milliseconds.
const TOLD_MS_MAX: i64 = 2_000;
/// The clocks of bots and servers differ by so much.
const CLOCKS_DIFFER_MS: i64 = 1_000;
/// Fewer say nothing about nine in ten.
const RETURNED_MIN: usize = 10;

/// All that a verdict follows from.
pub struct Evidence<'a> {
    pub args: &'a RushArgs,
    pub found: &'a Found,
    pub course: &'a Course,
    pub counts: Counts,
    /// Refusals that the rules do not explain.
    pub unexplained: &'a BTreeMap<String, u64>,
}

/// What went wrong; empty where nothing did.
pub fn faults(evidence: &Evidence<'_>) -> Vec<String> {
    let mut faults = sale(evidence);
    faults.extend(turns(evidence));
    faults.extend(line(evidence));
    faults.extend(door(evidence));
    faults.extend(told(evidence));
    let refusals = evidence.unexplained.iter();
    faults.extend(refusals.map(|(what, count)| format!("{count} × {what} is not explained")));
    faults
}

/// The tickets, and what was acknowledged.
fn sale(Evidence { args, found, course, .. }: &Evidence<'_>) -> Vec<String> {
    let tickets = i64::from(args.tickets);
    let mut faults = Vec::new();
    match course.ended {
        Ended::All => {}
        Ended::TimedOut => faults.push(format!("the fans were not done after {} s", args.timeout)),
        Ended::Interrupted => faults.push("the rush was interrupted".to_owned()),
    }
    if found.tickets > tickets {
        faults.push(format!("{} tickets were issued where {tickets} exist", found.tickets));
    } else if found.tickets < tickets && course.wanted >= tickets && args.ends_after.is_none() {
        faults.push(format!(
            "{} of {tickets} tickets were sold although fans wanted {}",
            found.tickets, course.wanted
        ));
    }
    let Lost { joins, orders, payments } = found.lost;
    for (count, what) in [(joins, "joins"), (orders, "orders"), (payments, "payments")] {
        if count > 0 {
            faults.push(format!("{count} acknowledged {what} were lost"));
        }
    }
    // Orders that rested on a Redis that was taken away are refused, and their fans told.
    if found.orders_refused > 0 && args.struck != Some(Struck::Redis) {
        faults.push(format!("{} acknowledged orders were refused later", found.orders_refused));
    }
    if found.wrongly_denied > 0 {
        faults.push(format!(
            "{} fans were told that fewer tickets are left than were",
            found.wrongly_denied
        ));
    }
    faults
}

/// Whoever was there got in.
fn turns(Evidence { counts, .. }: &Evidence<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    if counts.turns_lost > 0 {
        let late = match counts.bots_late {
            0 => String::new(),
            late => format!(", {late} of them because the bots were late themselves"),
        };
        faults.push(format!("{} fans who were there lost their turn{late}", counts.turns_lost));
    }
    if counts.passes_run_out > 0 {
        faults.push(format!("{} passes ran out at the door", counts.passes_run_out));
    }
    if counts.windows_shortened > 0 {
        faults
            .push(format!("{} fans were told of less time than before", counts.windows_shortened));
    }
    if counts.places_differ > 0 {
        faults.push(format!("{} places were told that moved back", counts.places_differ));
    }
    faults
}

/// The pace, the order and the cap.
fn line(Evidence { args, found, counts, .. }: &Evidence<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    let (joined, unknown) = (counts.joined, counts.places_unknown);
    // A process that is killed leaves a place that it wrote and told nobody of.
    let is_more = u64::try_from(found.admitted).unwrap_or_default() > joined + unknown;
    if is_more && args.struck != Some(Struck::Other) {
        faults.push(format!("{} were let in where {joined} joined", found.admitted));
    }
    if let Some(Settled { secs, told_per_sec, measured_per_sec }) = found.settled {
        let most_per_sec = told_per_sec * (PACE_SHARE_MAX + PACE_EXTRA_SECS / secs);
        // Until others have taken its lanes over, what is taken away holds the line.
        let least = if args.struck.is_some() { STRUCK_SHARE_MIN } else { PACE_SHARE_MIN };
        if !(told_per_sec * least..=most_per_sec).contains(&measured_per_sec) {
            faults.push(format!(
                "{measured_per_sec:.1} a second were let in where {told_per_sec:.1} were told, \
                    over {secs:.0} s"
            ));
        }
    }
    let cap = f64::from(args.cap());
    // A standard deviation of those on their way is kept free for them, which is much of a small
    // cap.
    if let Some(HeldByCap { secs, active }) = found.held_by_cap
        && active < cap * CAP_SHARE_MIN - cap.sqrt()
    {
        faults.push(format!(
            "the cap of {cap} held the line for {secs:.0} s while {active:.0} were in checkout"
        ));
    }
    if found.overtaking_ms_max > args.overtaking_ms_max() {
        faults.push(format!(
            "somebody was overtaken by {} ms, {} ms are allowed",
            found.overtaking_ms_max,
            args.overtaking_ms_max()
        ));
    }
    if found.cap_exceeded > 0 {
        faults.push(format!("{} sessions opened above the cap", found.cap_exceeded));
    }
    faults
}

/// Those with a pass, and those who order.
fn door(Evidence { args, found, counts, .. }: &Evidence<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    if counts.door_ms_max > DOOR_MS_MAX {
        faults.push(format!("somebody stood at the full door for {} ms", counts.door_ms_max));
    }
    let few = ((counts.claimed as f64 * TURNED_AWAY_SHARE_MAX) as u64).max(TURNED_AWAY_MIN);
    // While what was taken away comes back, whoever comes with a pass is asked to wait a moment.
    if counts.turned_away > few && args.struck.is_none() {
        faults.push(format!(
            "{} of {} with a pass were asked to wait at the door",
            counts.turned_away, counts.claimed
        ));
    }
    let target_ms = args.order_target.unwrap_or(ORDER_TARGET_MS);
    if let Some(p99_ms) = found.order_p99_ms
        && p99_ms as f64 > f64::from(target_ms) * ORDER_TARGET_TIMES_MAX
        && !args.fixed
        && args.struck.is_none()
    {
        faults.push(format!(
            "one order in a hundred took {p99_ms} ms where the pace is to keep it at {target_ms}"
        ));
    }
    faults
}

/// What the line was told, and how soon.
fn told(Evidence { args, found, .. }: &Evidence<'_>) -> Vec<String> {
    let (sold_out, returned) = (found.scores.sold_out, found.scores.returned);
    let mut faults = Vec::new();
    if args.struck.is_some() {
        return faults;
    }
    if let Some(told_ms) = sold_out.told_ms.filter(|ms| *ms < -CLOCKS_DIFFER_MS) {
        faults.push(format!("the line was told \"sold out\" {} ms before the last sale", -told_ms));
    }
    if let Some(told_ms) = sold_out.told_ms.filter(|ms| *ms > TOLD_MS_MAX) {
        faults.push(format!("the line was told \"sold out\" {told_ms} ms after the last sale"));
    }
    if let Some(untold_ms) = sold_out.untold_ms.filter(|ms| *ms > TOLD_MS_MAX) {
        faults.push(format!("{untold_ms} ms after the last sale nobody was told \"sold out\""));
    }
    if let Some(p90_ms) = returned.let_in_p90_ms.filter(|ms| *ms > TOLD_MS_MAX)
        && returned.awaited >= RETURNED_MIN
    {
        faults.push(format!("one in ten tickets that came back let nobody in for {p90_ms} ms"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::rush::returns::SoldOut;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: RushArgs,
    }

    /// A clean end of a rush for five tickets, after `change`.
    struct Rush {
        args: RushArgs,
        found: Found,
        course: Course,
        counts: Counts,
        unexplained: BTreeMap<String, u64>,
    }

    fn faults_of(change: impl FnOnce(&mut Rush)) -> Vec<String> {
        let mut rush = Rush {
            args: Cli::parse_from(["rush", "--fans", "10", "--tickets", "5"]).args,
            found: Found { admitted: 10, tickets: 5, ..Found::default() },
            course: Course {
                seed: 1,
                wanted: 20,
                late_fans: 0,
                wall: Duration::from_secs(1),
                ended: Ended::All,
            },
            counts: Counts { joined: 10, claimed: 10, ..Counts::default() },
            unexplained: BTreeMap::new(),
        };
        change(&mut rush);
        let Rush { args, found, course, counts, unexplained } = &rush;
        faults(&Evidence { args, found, course, counts: *counts, unexplained })
    }

    /// Asserts on the one fault that is found.
    fn assert_objects(words: &str, change: impl FnOnce(&mut Rush)) {
        let found = faults_of(change);
        assert!(found.len() == 1 && found[0].contains(words), "{words}: {found:?}");
    }

    #[test]
    fn sold_out_with_nothing_lost_is_ok() {
        assert_eq!(faults_of(|_| {}), Vec::<String>::new());
        let nobody_wanted_more = |rush: &mut Rush| {
            rush.found.tickets = 4;
            rush.course.wanted = 4;
        };
        assert_eq!(faults_of(nobody_wanted_more), Vec::<String>::new());
    }

    #[test]
    fn tickets_that_are_not_sold_or_sold_twice_are_told() {
        assert_objects("were sold although", |rush| rush.found.tickets = 4);
        assert_objects("6 tickets were issued", |rush| rush.found.tickets = 6);
        assert_objects("not done", |rush| rush.course.ended = Ended::TimedOut);
    }

    #[test]
    fn what_was_acknowledged_and_lost_or_refused_is_told() {
        let lost = |rush: &mut Rush| rush.found.lost = Lost { joins: 1, orders: 2, payments: 3 };
        assert_eq!(faults_of(lost).len(), 3);
        assert_objects("2 acknowledged orders were refused", |rush| rush.found.orders_refused = 2);
        let struck = |struck| {
            faults_of(|rush| {
                rush.found.orders_refused = 2;
                rush.args.struck = Some(struck);
            })
        };
        assert_eq!(struck(Struck::Redis), Vec::<String>::new());
        assert_eq!(struck(Struck::Other).len(), 1, "only what Redis kept may be lost");
        assert_objects("fewer tickets are left", |rush| {
            (rush.found.wrongly_denied, rush.args.struck) = (1, Some(Struck::Redis));
        });
    }

    #[test]
    fn more_let_in_than_joined_is_told_unless_a_join_was_never_answered() {
        assert_objects("11 were let in where 10 joined", |rush| rush.found.admitted = 11);
        let unanswered = |rush: &mut Rush| {
            (rush.found.admitted, rush.counts.places_unknown) = (11, 1);
        };
        assert_eq!(faults_of(unanswered), Vec::<String>::new());
    }

    #[test]
    fn a_fan_who_was_there_and_lost_the_turn_is_told() {
        assert_objects("3 fans who were there lost their turn", |rush| rush.counts.turns_lost = 3);
        assert_objects("because the bots were late", |rush| {
            (rush.counts.turns_lost, rush.counts.bots_late) = (3, 1);
        });
        assert_objects("passes ran out at the door", |rush| rush.counts.passes_run_out = 1);
        assert_objects("less time", |rush| rush.counts.windows_shortened = 1);
        assert_objects("moved back", |rush| rush.counts.places_differ = 1);
        assert_eq!(faults_of(|rush| rush.counts.absent = 9), Vec::<String>::new());
    }

    #[test]
    fn a_pace_that_is_not_what_was_told_is_told() {
        let settled =
            |measured_per_sec| Some(Settled { secs: 20.0, told_per_sec: 100.0, measured_per_sec });
        for (measured, words) in [(89.0, "89.0 a second"), (116.0, "116.0 a second")] {
            assert_objects(words, |rush| rush.found.settled = settled(measured));
        }
        let slowed = |struck: Option<Struck>| {
            move |rush: &mut Rush| {
                rush.found.settled = settled(60.0);
                rush.args.struck = struck;
            }
        };
        assert_objects("60.0 a second", slowed(None));
        let crawls = |rush: &mut Rush| {
            rush.found.settled = settled(20.0);
            rush.args.struck = Some(Struck::Other);
        };
        assert_objects("20.0 a second", crawls);
        assert_eq!(faults_of(slowed(Some(Struck::Other))), Vec::<String>::new());
        for kept in [91.0, 114.0] {
            assert_eq!(faults_of(|rush| rush.found.settled = settled(kept)), Vec::<String>::new());
        }
    }

    #[test]
    fn a_cap_that_holds_the_line_while_few_are_inside_is_told() {
        let held = |active| {
            move |rush: &mut Rush| {
                rush.args.max_active = Some(2_000);
                rush.found.held_by_cap = Some(HeldByCap { secs: 60.0, active });
            }
        };
        assert_objects("the cap of 2000 held the line for 60 s while 900", held(900.0));
        assert_eq!(faults_of(held(1_800.0)), Vec::<String>::new());
    }

    #[test]
    fn a_long_wait_at_the_door_and_many_who_wait_there_are_told() {
        assert_objects("stood at the full door for 12000", |rush| rush.counts.door_ms_max = 12_000);
        assert_objects("6 of 10 with a pass", |rush| rush.counts.turned_away = 6);
        let few = |rush: &mut Rush| (rush.counts.turned_away, rush.counts.door_ms_max) = (5, 9_000);
        assert_eq!(faults_of(few), Vec::<String>::new());
    }

    #[test]
    fn slow_orders_are_told_where_the_pace_was_to_keep_them_fast() {
        let slow = |rush: &mut Rush| rush.found.order_p99_ms = Some(1_600);
        assert_objects("one order in a hundred took 1600 ms", slow);
        let fixed = |rush: &mut Rush| {
            slow(rush);
            rush.args.fixed = true;
        };
        let asked = |rush: &mut Rush| {
            slow(rush);
            rush.args.order_target = Some(1_200);
        };
        assert_eq!((faults_of(fixed), faults_of(asked)), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_word_too_soon_or_too_late_is_told_unless_servers_were_taken_away() {
        let sold_out = |told_ms, untold_ms| {
            move |rush: &mut Rush| rush.found.scores.sold_out = SoldOut { told_ms, untold_ms }
        };
        assert_objects("5000 ms before the last sale", sold_out(Some(-5_000), None));
        assert_objects("2600 ms after the last sale", sold_out(Some(2_600), None));
        assert_objects("nobody was told", sold_out(None, Some(2_100)));
        assert_eq!(faults_of(sold_out(Some(1_900), None)), Vec::<String>::new());
        let returned = |rush: &mut Rush| {
            rush.found.scores.returned.awaited = 10;
            rush.found.scores.returned.let_in_p90_ms = Some(2_100);
        };
        assert_objects("came back let nobody in for 2100 ms", returned);
        let struck = |rush: &mut Rush| {
            returned(rush);
            rush.args.struck = Some(Struck::Other);
        };
        assert_eq!(faults_of(struck), Vec::<String>::new());
    }

    #[test]
    fn overtaking_and_a_cap_that_was_exceeded_are_told() {
        assert_objects("overtaken by 2000 ms", |rush| rush.found.overtaking_ms_max = 2000);
        assert_objects("overtaken by 300 ms", |rush| rush.found.overtaking_ms_max = 300);
        let with = |overtaking_max, struck| {
            faults_of(|rush| {
                rush.found.overtaking_ms_max = 300;
                (rush.args.overtaking_max, rush.args.struck) = (overtaking_max, struck);
            })
        };
        assert_eq!(with(Some(400), None), Vec::<String>::new());
        assert_eq!(with(None, Some(Struck::Other)), Vec::<String>::new());
        assert_eq!(with(Some(250), Some(Struck::Other)).len(), 1);
        assert_objects("above the cap", |rush| rush.found.cap_exceeded = 1);
    }

    #[test]
    fn a_refusal_that_nothing_explains_is_told() {
        assert_objects("14 × room-unknown at join", |rush| {
            rush.unexplained.insert("room-unknown at join".to_owned(), 14);
        });
    }
}
