//! How a room does, in one sentence. Pure.

use admission::contract::StockState;
use kit::number::counted;
use waitroom::contract::{Phase, RoomState};

use crate::room::{
    alarm::{Alarm, AlarmKind},
    draw,
    measures::Measures,
    outlook::Outlook,
    words::per_sec,
};

/// What somebody would say who has looked at everything: what matters most comes first.
pub fn health(
    room: &RoomState,
    measures: &Measures,
    outlook: &Outlook,
    alarms: &[Alarm],
) -> String {
    let waiting = match measures.flow.waiting {
        0 => "nobody waits".to_owned(),
        waiting => counted(waiting, "fan waits", "fans wait"),
    };
    match room.phase {
        _ if room.stop.is_some() => format!("Stopped: nobody is let in, and {waiting}."),
        Phase::Draft => "A draft: nobody can join yet.".to_owned(),
        Phase::Scheduled => "Not open yet: nobody can join.".to_owned(),
        Phase::PreQueue => format!("Not open yet: {waiting}."),
        Phase::Drawing => match draw::step(room) {
            Some(step) if step.takes_entry() => {
                format!("Entries are closed, the draw waits for what is mixed in: {waiting}.")
            }
            _ => format!("Entries are closed, the draw is being made: {waiting}."),
        },
        Phase::Paused => format!("Paused: {waiting}."),
        Phase::Closed => "Closed for good.".to_owned(),
        Phase::Open if room.sleep.asleep => {
            "Asleep: whoever comes goes straight in, until a crowd wakes it.".to_owned()
        }
        Phase::Open => open(room, measures, outlook, alarms, &waiting),
    }
}

fn open(
    room: &RoomState,
    measures: &Measures,
    outlook: &Outlook,
    alarms: &[Alarm],
    waiting: &str,
) -> String {
    let Measures { flow, pace, stock, .. } = measures;
    let stands = |kind| alarms.iter().any(|alarm| alarm.alarm == kind);
    let reason = pace.held_back.first().map(|reason| reason.words.as_str());
    match stock.stock_state {
        Some(StockState::SoldOut) => return format!("Sold out: {waiting}."),
        Some(StockState::AllHeld) => {
            let held = stock.held.unwrap_or_default() + stock.reserved;
            let held = counted(held, "ticket that is held", "tickets that are held");
            return format!("No ticket is free; {held} may come back, and {waiting}.");
        }
        _ => {}
    }
    if stands(AlarmKind::NoNews) {
        return format!("No news of the line: {waiting}.");
    }
    if stands(AlarmKind::LineStands) {
        let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        return format!("The line stands{why}.");
    }
    let empty = outlook
        .empty_in
        .as_ref()
        .map_or_else(String::new, |span| format!(" The line is empty in {}.", span.words));
    match (flow.waiting, reason) {
        (0, _) => "Runs well: nobody waits.".to_owned(),
        (_, Some(reason)) => format!("Held back: {reason}.{empty}"),
        (_, None) if stands(AlarmKind::PaceBelowAsked) => {
            format!(
                "Slower than asked: {}/s of {}/s.{empty}",
                per_sec(flow.admitted_per_sec),
                per_sec(room.rate_per_sec)
            )
        }
        (_, None) => format!("Runs as asked: {waiting}.{empty}"),
    }
}

#[cfg(test)]
mod tests {
    use admission::contract::HoldBack;
    use chrono::DateTime;

    use super::*;
    use crate::room::{
        fixtures::{flow, measures, room},
        measures::Stock,
        outlook::outlook,
    };

    fn told(room: &RoomState, measures: &Measures, alarms: &[AlarmKind]) -> String {
        let alarm = |kind: &AlarmKind| Alarm {
            alarm: *kind,
            severity: kind.severity(),
            since: DateTime::UNIX_EPOCH,
            words: String::new(),
            next: "",
        };
        let alarms: Vec<Alarm> = alarms.iter().map(alarm).collect();
        health(room, measures, &outlook(room, measures), &alarms)
    }

    #[test]
    fn what_matters_most_is_said_first() {
        let open = room();
        let mut seen = measures(flow(12_500));
        seen.pace.settled_per_sec = Some(25.0);
        seen.freed_per_sec = Some((25.0, 25.0));
        assert_eq!(
            told(&open, &seen, &[]),
            "Runs as asked: 12,500 fans wait. The line is empty in about 6 to 11 minutes."
        );
        assert_eq!(told(&open, &measures(flow(0)), &[]), "Runs well: nobody waits.");
        seen.pace.held_back = vec![HoldBack::PassesUnclaimed { unclaimed: 2_000 }.into()];
        assert!(told(&open, &seen, &[]).starts_with("Held back: 2,000 passes not claimed yet."));
        assert_eq!(
            told(&open, &seen, &[AlarmKind::LineStands]),
            "The line stands: 2,000 passes not claimed yet."
        );
        seen.stock = Stock {
            stock_state: Some(StockState::AllHeld),
            held: Some(39),
            reserved: 1,
            ..seen.stock
        };
        assert_eq!(
            told(&open, &seen, &[]),
            "No ticket is free; 40 tickets that are held may come back, and 12,500 fans wait."
        );
        seen.stock.stock_state = Some(StockState::SoldOut);
        assert_eq!(told(&open, &seen, &[AlarmKind::SoldOut]), "Sold out: 12,500 fans wait.");
        let paused = RoomState { phase: Phase::Paused, ..room() };
        assert_eq!(told(&paused, &measures(flow(1)), &[]), "Paused: 1 fan waits.");
    }
}
