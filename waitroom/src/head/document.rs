//! Writing a room's head document. Pure.

use admission::contract::{HoldBack, RoomName, StockState};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use kit::kept::KeptBody;

use crate::{
    draw::RoomDraw,
    head::{
        HeadDocument,
        head_log::{HeadLog, show_share, slots_taken},
    },
    place::{
        chance::{Inside, Sale},
        forecast::{Forecast, Slots},
        wait::{WaitCurve, WaitSay},
    },
    room::{info::Info, phase::Phase},
};

/// The head document as it goes out.
pub struct Document {
    pub body: KeptBody,
    pub head: HeadDocument,
}

/// Waits are worked out for so many more than wait now, who may join before the next document.
const MORE_WAITING: i64 = 10_000;
/// Whoever waits no longer than this goes straight in.
const STRAIGHT_IN_SECS: f64 = 1.0;

/// The document of a room in which `left` of those who wait left on purpose.
pub fn document(
    room: &RoomName,
    info: &Info,
    log: &HeadLog,
    left: i64,
    now: DateTime<Utc>,
) -> Document {
    let lanes = log.heads();
    let waiting = lanes.iter().map(|lane| lane.tail - lane.head).sum::<i64>();
    // What was told of the sale before it fell asleep is old.
    let stock = log.stock().filter(|_| !info.sleep.asleep);
    let sale = stock.map(|stock| Sale::of(stock, inside(log)));
    let forecast = forecast(info, log, left as f64 / waiting.max(1) as f64, now);
    let say = say(info, log, sale.as_ref(), now);
    let wait = match say {
        WaitSay::Range => forecast.curve(waiting + MORE_WAITING),
        without => WaitCurve::without_range(without),
    };
    let pace_per_sec = forecast.measured.over_30s;
    let head = HeadDocument {
        room: room.clone(),
        show: info.show.clone(),
        phase: info.phase,
        opens_at: info.opens_at,
        method: info.method,
        draw: info.draw.as_ref().map(RoomDraw::public),
        waiting,
        admitted: log.total_admitted(),
        lanes,
        rate_per_sec: info.rate_per_sec,
        pace_per_sec: pace_per_sec.map(|pace| (pace * 100.0).round() / 100.0),
        claim_window_secs: info.claim_window_secs,
        message: info.message.clone(),
        as_of: log.as_of().unwrap_or(now),
        poll_after_ms: poll_after_ms(waiting, sale.as_ref()),
        stale: !info.sleep.asleep && log.is_stale(now),
        asleep: info.sleep.asleep,
        straight_in: say == WaitSay::Range
            && (info.sleep.asleep || is_straight_in(waiting - left, &forecast)),
        door_open: info.sleep.asleep || log.door_open(),
        held_by: log.pace().map(|pace| pace.held_by.clone()).unwrap_or_default(),
        wait,
        sale,
    };
    Document { body: kept(&head), head }
}

/// An instance answers so many questions a second where the line stands, and does the rest beside
/// it, even when it is alone.
const POLLS_PER_SEC: i64 = 20_000;
const POLL_MS_MAX: i64 = 30_000;

/// After how many milliseconds those who wait ask again: soon where the last tickets go, and the
/// later the more there are of them.
fn poll_after_ms(waiting: i64, sale: Option<&Sale>) -> u32 {
    let goes = |sale: &Sale| matches!(sale.state, StockState::FewLeft | StockState::AllHeld);
    let least = if sale.is_some_and(goes) { 1_500 } else { 2_000 };
    let spread = waiting.max(0) * 1_000 / POLLS_PER_SEC;
    // In round steps, so that the document is not another one with each join.
    let spread = (spread + 499) / 500 * 500;
    u32::try_from(spread.clamp(least, POLL_MS_MAX)).unwrap_or(2_000)
}

/// A copy that was found to be as good as new still says when it was made, so that this must not be
/// longer ago than whoever reads it takes for old.
const SAME_SECS: i64 = 10;

/// What counts is whether the line moved, not when that was last said, but for every ten seconds.
fn kept(head: &HeadDocument) -> KeptBody {
    let json = |head: &HeadDocument| serde_json::to_vec(head).unwrap_or_default();
    let secs = head.as_of.timestamp().div_euclid(SAME_SECS) * SAME_SECS;
    let as_of = DateTime::from_timestamp(secs, 0).unwrap_or_default();
    let said = json(&HeadDocument { as_of, ..head.clone() });
    KeptBody::known_by(&said, Bytes::from(json(head)))
}

/// What can be said of the wait, whatever the place.
fn say(info: &Info, log: &HeadLog, sale: Option<&Sale>, now: DateTime<Utc>) -> WaitSay {
    match info.phase {
        Phase::Draft | Phase::Scheduled | Phase::PreQueue | Phase::Drawing => {
            return WaitSay::NotOpen;
        }
        Phase::Paused => return WaitSay::Paused,
        Phase::Closed => return WaitSay::Closed,
        Phase::Open if info.sleep.asleep => return WaitSay::Range,
        Phase::Open if log.is_stale(now) => return WaitSay::Stale,
        Phase::Open => {}
    }
    match sale.map(|sale| sale.state) {
        Some(StockState::SoldOut) => WaitSay::SoldOut,
        Some(StockState::AllHeld) => WaitSay::AllHeld,
        _ if !log.door_open() => WaitSay::DoorShut,
        _ => WaitSay::Range,
    }
}

fn inside(log: &HeadLog) -> Inside {
    let let_in = log.total_admitted();
    log.pace().map_or(Inside { let_in, show_share: 1.0, ..Inside::default() }, |pace| Inside {
        let_in,
        active: pace.active,
        unclaimed: pace.unclaimed,
        show_share: pace.show_share,
    })
}

fn forecast(info: &Info, log: &HeadLog, left_share: f64, now: DateTime<Utc>) -> Forecast {
    let pace = log.pace();
    // What checkout holds is told apart, by its slots; a beginning passes.
    let holds = |held: &HoldBack| {
        !matches!(
            held,
            HoldBack::Starting | HoldBack::CheckoutFull { .. } | HoldBack::PassesUnclaimed { .. }
        )
    };
    Forecast {
        asked_per_sec: info.rate_per_sec,
        allowed_per_sec: pace.map(|pace| pace.per_sec),
        growth: pace.map_or(0.0, |pace| pace.growth),
        is_held_back: pace.is_some_and(|pace| pace.held_by.iter().any(holds)),
        left_share,
        measured: log.measured(now),
        checkout: pace.map(|pace| {
            let all = f64::from(info.max_active) / show_share(pace);
            let free = (all - slots_taken(pace)).max(0.0);
            Slots { free, all, freed_per_sec: log.freed_per_sec(now) }
        }),
    }
}

/// Whether whoever joins behind so many is let in as good as at once.
fn is_straight_in(waiting: i64, forecast: &Forecast) -> bool {
    let per_sec = forecast.allowed_per_sec.unwrap_or(forecast.asked_per_sec);
    let has_room = forecast.checkout.is_none_or(|slots| slots.free >= 1.0);
    has_room
        && !forecast.is_held_back
        && waiting as f64 <= per_sec * STRAIGHT_IN_SECS
        && per_sec > 0.0
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
