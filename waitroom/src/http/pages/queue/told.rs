//! How the line is told to those who wait: sentences and round times. Pure. `assets/wait.js` says
//! the same, and `assets/told_cases.json` is the table that both pass.

use admission::contract::{HoldBack, StockState};
use catalog::contract::price::grouped;

use crate::place::{
    chance::{ALMOST_NONE_PERCENT, Sale, TypeOdds},
    wait::{WaitRange, WaitSay},
};

pub fn number(number: i64) -> String {
    grouped(u64::try_from(number).unwrap_or(0))
}

/// `One person is …`, `1,204 people are …`
fn people(count: i64, one: &str, many: &str) -> String {
    match count {
        1 => format!("One person {one}"),
        _ => format!("{} people {many}", number(count)),
    }
}

pub fn ahead(count: i64) -> String {
    match count {
        ..=0 => "You are next.".to_owned(),
        _ => people(count, "is ahead of you.", "are ahead of you."),
    }
}

pub fn waiting(count: i64) -> String {
    match count {
        ..=0 => "Nobody is waiting right now.".to_owned(),
        _ => people(count, "is waiting.", "are waiting."),
    }
}

pub fn gone_in(count: i64) -> String {
    match count {
        ..=0 => "The line moves from right to left, toward the gate.".to_owned(),
        _ => people(count, "has gone in since you joined.", "have gone in since you joined."),
    }
}

/// How far off something is: `2 days`, `3 hours and 1 minute`, `3 hours`, `14 minutes`, `4:05`.
pub fn until(secs: i64) -> String {
    let of = |count: i64, name| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    let (days, hours, minutes) = (secs / 86_400, secs / 3600, secs / 60);
    match () {
        () if days >= 2 => of(days, "day"),
        () if hours >= 1 && minutes % 60 == 0 => of(hours, "hour"),
        () if hours >= 1 => format!("{} and {}", of(hours, "hour"), of(minutes % 60, "minute")),
        () if minutes >= 10 => of(minutes, "minute"),
        () => format!("{minutes}:{:02}", secs % 60),
    }
}

/// From when to when a wait that begins at `now` is likely to end, in seconds since 1970 and in
/// round minutes. `None` where a time of the day would say nothing: within a minute, or half a day
/// off.
pub fn clock(range: WaitRange, now: i64) -> Option<(i64, i64)> {
    let high = i64::try_from(range.high_secs).ok().filter(|high| (60..=43_200).contains(high))?;
    let low = i64::try_from(range.low_secs).ok()?;
    let step = match high {
        7200.. => 900,
        1201.. => 300,
        _ => 60,
    };
    let up = |secs: i64| secs.div_euclid(step) + i64::from(secs.rem_euclid(step) > 0);
    Some(((now + low).div_euclid(step) * step, up(now + high) * step))
}

/// Whether a wait that ends at `to` is told to somebody who was told that it ends at `before`, by
/// more than rounding. Whoever is told a later time is told why.
pub fn is_later(before: i64, to: i64, now: i64) -> bool {
    (to - before) as f64 > (0.1 * (to - now) as f64).max(60.0)
}

/// `likely, about 70 %`
pub fn chance(percent: u8) -> String {
    let name = match percent {
        90.. => "very likely",
        65.. => "likely",
        40.. => "about even",
        15.. => "unlikely",
        ALMOST_NONE_PERCENT.. => "very unlikely",
        _ => return "almost none, under 5 %".to_owned(),
    };
    match percent {
        96.. => format!("{name}, over 95 %"),
        _ => format!("{name}, about {} %", (percent + 2) / 5 * 5),
    }
}

/// What is left of one type: `1,204 left`, `sold out` or `all held`.
pub fn left(of_type: &TypeOdds) -> String {
    match of_type.state {
        StockState::SoldOut => "sold out".to_owned(),
        StockState::AllHeld => "all held".to_owned(),
        StockState::FewLeft | StockState::Available => {
            format!("{} left", number(of_type.tickets_left))
        }
    }
}

/// Whether no ticket is free.
pub fn is_gone(sale: &Sale) -> bool {
    matches!(sale.state, StockState::SoldOut | StockState::AllHeld)
}

/// Whether tickets are there, and almost none of them for whoever has so many ahead.
pub fn has_almost_none(sale: &Sale, ahead: i64) -> bool {
    let chances = sale.chances(ahead);
    !is_gone(sale) && !chances.is_empty() && chances.iter().all(|chance| chance.almost_none)
}

pub fn sale_title(sale: &Sale, ahead: i64) -> &'static str {
    match sale.state {
        StockState::SoldOut => "All tickets are sold",
        StockState::AllHeld => "Every ticket is taken right now",
        _ if has_almost_none(sale, ahead) => "There may be none left at your turn",
        StockState::FewLeft => "Few tickets are left",
        StockState::Available => "Tickets left",
    }
}

/// What is left, in one sentence, with whoever stands before one.
pub fn sale(sale: &Sale, ahead: i64) -> String {
    let left = match sale.tickets_left {
        1 => "one ticket is left.".to_owned(),
        many => format!("{} tickets are left.", number(many)),
    };
    match (sale.state, ahead, sale.tickets_held) {
        (StockState::SoldOut, ..) => "If one is returned, the next in line is let in.".to_owned(),
        (StockState::AllHeld, _, held) => {
            let held =
                if held == 1 { "One is".to_owned() } else { format!("{} are", number(held)) };
            format!(
                "{held} held or not paid yet and may come back; then the next in line is let in."
            )
        }
        (_, ..=0, _) => left.replacen("one", "One", 1),
        _ => format!("{} ahead of you, and {left}", people(ahead, "is", "are")),
    }
}

const BUSY: &str = "Checkout is busy, so the line moves more slowly right now.";

/// Why the line moves no faster, as fans read it; empty where nothing but the line itself holds it
/// back.
pub fn held(reasons: &[HoldBack]) -> &'static str {
    reasons.iter().map(reason).find(|words| !words.is_empty()).unwrap_or_default()
}

fn reason(held: &HoldBack) -> &'static str {
    match held {
        HoldBack::CheckoutAway | HoldBack::DoorShut => WaitSay::DoorShut.sentence(),
        HoldBack::CheckoutFull { .. } => {
            "Checkout is full. The next fan goes in as soon as somebody comes out."
        }
        HoldBack::PassesUnclaimed { .. } => {
            "The line waits a moment for fans whose turn has come and who are not inside yet."
        }
        HoldBack::OrdersSlow { .. }
        | HoldBack::WriterBehind { .. }
        | HoldBack::CheckoutSlow { .. }
        | HoldBack::CheckoutFails { .. } => BUSY,
        HoldBack::StockLow { .. } => {
            "Few tickets are left, so fans go in only as fast as tickets come free."
        }
        HoldBack::LanesUnknown { .. } => {
            "We cannot reach a part of the line right now. No place is lost."
        }
        HoldBack::Starting | HoldBack::SoldOut { .. } => "",
    }
}

/// Why a wait is longer than it was said to be.
pub fn later(reasons: &[HoldBack]) -> String {
    let why = match held(reasons) {
        "" => "The line moves more slowly than it did.",
        why => why,
    };
    format!("That is later than we said before. {why}")
}

#[cfg(test)]
mod tests;
