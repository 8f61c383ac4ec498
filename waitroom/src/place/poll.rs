//! How often whoever waits looks where the line stands, how the looks of a crowd are spread, and
//! when a page asks for its own place as well. Pure. The queue page's script follows the same
//! rules; `assets/poll_cases.json` is the table that both pass.

use admission::contract::StockState;

use crate::head::HeadDocument;

/// Whoever is about to be let in looks so often.
const LOOK_MS_MIN: f64 = 1_000.0;
/// Nobody looks less often: what is said to everybody is heard within a minute.
const LOOK_MS_MAX: f64 = 60_000.0;
/// One looks again after this share of what the wait takes at least.
const SHARE_OF_WAIT: f64 = 0.05;
/// And after this share of it in any case, so that the turn is not slept through.
const SHARE_OF_WAIT_MAX: f64 = 0.5;
/// Whatever became of the pace meanwhile, no more than this share of a turn has passed when it is
/// heard of.
const SHARE_OF_WINDOW: f64 = 0.25;
/// And this share of what the tickets last, so that the last one is not missed.
const SHARE_OF_STOCK: f64 = 1.0 / 3.0;
/// A line whose pace nobody knows may be as fast as this when it goes on.
const PER_SEC_UNKNOWN: f64 = 100.0;
/// Looks lie so much further apart, or closer together, than they should on average.
const SPREAD: f64 = 0.2;

/// The next so many in line ask for their own place as well, so often: two requests a second in
/// all, however long the line is and however fast it moves.
const NEXT: i64 = 20;
const ASK_MS: u64 = 10_000;

/// In how many seconds it may be the turn of whoever has so many people ahead, at the earliest.
pub fn secs_ahead(head: &HeadDocument, ahead: i64) -> f64 {
    if let Some(range) = head.wait.range(ahead) {
        return range.low_secs as f64;
    }
    let pace = pace_at_most(head);
    ahead.max(0) as f64 / if pace > 0.0 { pace } else { PER_SEC_UNKNOWN }
}

fn pace_at_most(head: &HeadDocument) -> f64 {
    head.pace_per_sec.unwrap_or_default().max(head.rate_per_sec)
}

/// After how many milliseconds whoever has so many people ahead looks again, on average: later, the
/// further back they stand, where that loses nothing.
pub fn next_look_ms(head: &HeadDocument, ahead: i64) -> u32 {
    let (least, secs) = (f64::from(head.poll_after_ms), secs_ahead(head, ahead));
    let window_ms = f64::from(head.claim_window_secs) * 1_000.0;
    let calm = (secs * 1_000.0 * SHARE_OF_WAIT).min(LOOK_MS_MAX).min(window_ms * SHARE_OF_WINDOW);
    let next = match &head.sale {
        Some(sale) if matches!(sale.state, StockState::FewLeft | StockState::AllHeld) => least,
        Some(sale) if sale.state == StockState::Available && pace(head) > 0.0 => {
            let per_fan: f64 = sale.types.iter().map(|of_type| of_type.odds.mean).sum();
            let per_fan = if per_fan > 0.0 { per_fan } else { 1.0 };
            let lasts_secs = sale.tickets_left as f64 / (pace(head) * per_fan);
            calm.min(lasts_secs * 1_000.0 * SHARE_OF_STOCK)
        }
        _ => calm,
    };
    let next = next.max(least).min(secs * 1_000.0 * SHARE_OF_WAIT_MAX).max(LOOK_MS_MIN);
    next.round() as u32
}

/// How many are let in per second, measured where it was.
fn pace(head: &HeadDocument) -> f64 {
    head.pace_per_sec.filter(|pace| *pace > 0.0).unwrap_or(head.rate_per_sec)
}

/// The same before the opening, which is `left_ms` away: there is nothing to hear until then,
/// unless somebody opens it now.
pub fn look_before_opening_ms(poll_after_ms: u32, left_ms: i64, claim_window_secs: i32) -> u32 {
    let calm_ms = (left_ms / 10).min(30_000).min(i64::from(claim_window_secs) * 250);
    u32::try_from(calm_ms).unwrap_or_default().max(poll_after_ms)
}

/// A look that is due after `ms`, moved by one's own `share`, from 0 to 1: those who heard the same
/// at the same moment do not come back in the same one.
pub fn spread_ms(ms: u32, share: f64) -> u32 {
    (f64::from(ms) * (1.0 - SPREAD + 2.0 * SPREAD * share)).round() as u32
}

/// Whether a page that asked for its own place `since_ms` ago asks now. The head says all but
/// whether the place was left on another device, which counts for the next ones only: whose turn
/// it is hears of it from the server in any case.
pub fn asks_place(ahead: i64, since_ms: u64) -> bool {
    ahead < NEXT && since_ms >= ASK_MS
}

#[cfg(test)]
mod tests;
