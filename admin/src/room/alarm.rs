//! What an operator should look at: rules, their thresholds, and what to do next. Pure. [`watch`]
//! raises and clears them, so that none flickers.

pub mod watch;

use std::fmt;

use admission::contract::{HoldBack, LineMethod, RoomName, StockState};
use chrono::{DateTime, TimeDelta, Utc};
use kit::number::counted;
use serde::Serialize;
use utoipa::ToSchema;
use waitroom::contract::{Phase, RoomState};

use crate::room::{draw, measures::Measures, words::per_sec};

/// Somebody waits and nobody is let in for so long; where few are let in on purpose, for three
/// times as long as one takes.
const STANDS: TimeDelta = TimeDelta::seconds(15);
const STANDS_TURNS: f64 = 3.0;
/// Controllers tick once a second while somebody waits.
const NO_NEWS: TimeDelta = TimeDelta::seconds(12);
/// The measured pace, as a share of the rate that was asked for.
const BELOW: f64 = 0.9;
const AS_ASKED: f64 = 0.95;
/// Of fewer a second, ten seconds tell no pace.
const MEASURABLE_PER_SEC: f64 = 0.5;
/// Whoever waits shorter than this is not held back: they have just come.
const LINE_SECS: f64 = 3.0;
/// Passes not claimed yet, as a share of the cap.
const UNCLAIMED_HIGH: f64 = 0.5;
const UNCLAIMED_LOW: f64 = 0.4;
/// In a small room a few passes are no alarm.
const UNCLAIMED_MIN: i64 = 10;
/// So many of a thousand calls of checkout.
const FAILS_PER_MILLE: i64 = 20;

/// What an alarm is about, the weightiest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    LineStands,
    DrawWaits,
    CheckoutErrors,
    NoNews,
    PassesUnclaimed,
    PaceBelowAsked,
    SoldOut,
}

/// How soon somebody should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Now: fans are stuck.
    Act,
    /// In this sale: it goes on, but not as it should.
    Watch,
    /// Nothing to be done, but to be known.
    Know,
}

/// Something that an operator should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Alarm {
    pub alarm: AlarmKind,
    pub severity: Severity,
    /// Since when it has been so.
    pub since: DateTime<Utc>,
    /// What is wrong, with its reason.
    pub words: String,
    /// What to do next.
    pub next: &'static str,
}

/// An alarm, and which room it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoomAlarm {
    #[schema(value_type = String)]
    pub room: RoomName,
    /// What the room's show is called.
    pub title: String,
    #[serde(flatten)]
    pub alarm: Alarm,
}

/// What a rule finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Bad,
    /// Good enough not to be raised, not good enough to be cleared.
    Between,
    Fine,
}

/// Whether somebody waits who might be let in.
pub fn may_move(room: &RoomState, measures: &Measures) -> bool {
    let is_open = room.phase == Phase::Open && room.stop.is_none();
    is_open && measures.flow.waiting > 0 && !is_out(measures)
}

/// What the rules look at.
pub struct Facts<'a> {
    pub now: DateTime<Utc>,
    pub room: &'a RoomState,
    pub measures: &'a Measures,
    /// Since when nobody was let in while somebody waited.
    pub stands_since: DateTime<Utc>,
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineStands => "line_stands",
            Self::DrawWaits => "draw_waits",
            Self::CheckoutErrors => "checkout_errors",
            Self::NoNews => "no_news",
            Self::PassesUnclaimed => "passes_unclaimed",
            Self::PaceBelowAsked => "pace_below_asked",
            Self::SoldOut => "sold_out",
        })
    }
}

impl AlarmKind {
    pub const ALL: [Self; 7] = [
        Self::LineStands,
        Self::DrawWaits,
        Self::CheckoutErrors,
        Self::NoNews,
        Self::PassesUnclaimed,
        Self::PaceBelowAsked,
        Self::SoldOut,
    ];

    /// For how long it must be bad until it is raised, and fine until it is cleared.
    pub fn patience(self) -> (TimeDelta, TimeDelta) {
        let (raise_secs, clear_secs) = match self {
            // Their thresholds are times themselves.
            Self::LineStands | Self::NoNews => (0, 5),
            Self::DrawWaits => (10, 0),
            Self::CheckoutErrors => (3, 10),
            Self::PassesUnclaimed => (15, 10),
            Self::PaceBelowAsked => (30, 10),
            Self::SoldOut => (0, 5),
        };
        (TimeDelta::seconds(raise_secs), TimeDelta::seconds(clear_secs))
    }

    pub fn severity(self) -> Severity {
        match self {
            Self::LineStands | Self::DrawWaits | Self::CheckoutErrors | Self::NoNews => {
                Severity::Act
            }
            Self::PassesUnclaimed | Self::PaceBelowAsked => Severity::Watch,
            Self::SoldOut => Severity::Know,
        }
    }

    /// What to do next.
    pub fn next(self) -> &'static str {
        match self {
            Self::LineStands => {
                "Look at what holds the line back: the cap, checkout and its stores, the rate. \
                 Pause the room if it takes longer, so that fans read why."
            }
            Self::DrawWaits => {
                "Open the room’s page: it says what the draw waits for, and takes it where \
                 somebody must enter it. Nobody is let in before. Where nothing is to be entered, \
                 look at the servers of the waiting room, at Kafka and at Postgres."
            }
            Self::CheckoutErrors => {
                "Look at the servers of checkout, at Postgres and at Redis. Nobody loses a turn \
                 meanwhile: claim windows stand still while passes cannot be redeemed."
            }
            Self::NoNews => {
                "Look at the servers that run the controllers, and at Kafka. The figures of this \
                 room are as old as the last news."
            }
            Self::PassesUnclaimed => {
                "Many who were let in do not come. They free their slots when their time to claim \
                 is over; a shorter time frees them sooner."
            }
            Self::PaceBelowAsked => {
                "The pace follows checkout by itself. To be faster, raise the cap or give checkout \
                 more servers; a higher rate changes nothing."
            }
            Self::SoldOut => {
                "Whoever waits is told, and is let in when a ticket comes back. Tell them with a \
                 message if more will be sold, or close the room."
            }
        }
    }

    /// Whether it is so.
    pub fn verdict(self, facts: &Facts<'_>) -> Verdict {
        let is_open = facts.room.phase == Phase::Open && facts.room.stop.is_none();
        if !is_open && self != Self::DrawWaits {
            return Verdict::Fine;
        }
        match self {
            Self::DrawWaits => {
                let is_drawing = facts.room.phase == Phase::Drawing;
                if is_drawing { Verdict::Bad } else { Verdict::Fine }
            }
            Self::LineStands => line_stands(facts),
            Self::CheckoutErrors => errors(facts),
            Self::NoNews => no_news(facts),
            Self::PassesUnclaimed => unclaimed(facts),
            Self::PaceBelowAsked => pace_below(facts),
            Self::SoldOut => {
                let is_so = facts.measures.stock.stock_state == Some(StockState::SoldOut);
                if is_so { Verdict::Bad } else { Verdict::Fine }
            }
        }
    }

    /// What is wrong, with the numbers of now.
    pub fn words(self, facts: &Facts<'_>) -> String {
        let Measures { flow, pace, stock, .. } = facts.measures;
        let wait = match flow.waiting {
            0 => "nobody waits".to_owned(),
            1 => "1 fan waits".to_owned(),
            waiting => counted(waiting, "fan waits", "fans wait"),
        };
        match self {
            Self::LineStands => {
                let secs = (facts.now - facts.stands_since).num_seconds();
                format!(
                    "The line stands: nobody was let in for {secs} s, and {wait}.{}",
                    why(facts)
                )
            }
            Self::DrawWaits => {
                let step = draw::step(facts.room).map(|step| step.words(facts.now));
                format!("{} {}.", step.unwrap_or_default(), capital(&wait))
            }
            Self::CheckoutErrors => format!("Checkout has errors.{}", why(facts)),
            Self::NoNews => match pace.told_at {
                Some(at) => format!(
                    "Nothing was heard of the line for {} s, and {wait}.",
                    (facts.now - at).num_seconds()
                ),
                None => format!("Nothing was heard of the line yet, and {wait}."),
            },
            Self::PassesUnclaimed => format!(
                "{} not claimed yet, and {} may be in checkout.",
                counted(flow.unclaimed, "pass is", "passes are"),
                counted(facts.room.max_active.into(), "fan", "fans")
            ),
            Self::PaceBelowAsked => format!(
                "{}/s are let in, and {}/s were asked for.{}",
                per_sec(flow.admitted_per_sec),
                per_sec(facts.room.rate_per_sec),
                why(facts)
            ),
            Self::SoldOut => {
                format!("Sold out: {} sold, and {wait}.", counted(stock.sold, "ticket", "tickets"))
            }
        }
    }
}

/// A sentence's beginning.
fn capital(words: &str) -> String {
    let mut rest = words.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// ` Held back: orders take 1.4 s.`
fn why(facts: &Facts<'_>) -> String {
    let reasons: Vec<&str> =
        facts.measures.pace.held_back.iter().map(|reason| reason.words.as_str()).collect();
    if facts.room.rate_per_sec <= 0.0 {
        " The rate is 0.".to_owned()
    } else if reasons.is_empty() {
        String::new()
    } else {
        format!(" Held back: {}.", reasons.join("; "))
    }
}

/// No ticket is free, or those inside may take all that are: that the line stands is as it should
/// be.
fn is_out(measures: &Measures) -> bool {
    let is_out =
        matches!(measures.stock.stock_state, Some(StockState::SoldOut | StockState::AllHeld));
    let holds =
        |reason: &HoldBack| matches!(reason, HoldBack::StockLow { .. } | HoldBack::SoldOut { .. });
    is_out || measures.pace.is_held_by(holds)
}

fn line_stands(facts: &Facts<'_>) -> Verdict {
    if !may_move(facts.room, facts.measures) {
        return Verdict::Fine;
    }
    let rate = facts.room.rate_per_sec;
    let turns_ms = if rate > 0.0 { STANDS_TURNS / rate * 1000.0 } else { 0.0 };
    let limit_ms = (STANDS.num_milliseconds() as f64).max(turns_ms);
    let stood_ms = (facts.now - facts.stands_since).num_milliseconds() as f64;
    match stood_ms {
        stood if stood >= limit_ms => Verdict::Bad,
        stood if stood >= limit_ms / 3.0 => Verdict::Between,
        _ => Verdict::Fine,
    }
}

fn errors(facts: &Facts<'_>) -> Verdict {
    let fails = |most: i64| {
        facts.measures.pace.is_held_by(|reason| match reason {
            HoldBack::CheckoutAway | HoldBack::DoorShut => true,
            HoldBack::CheckoutFails { per_mille } => *per_mille >= most,
            _ => false,
        })
    };
    match (fails(FAILS_PER_MILLE), fails(0)) {
        (true, _) => Verdict::Bad,
        (false, true) => Verdict::Between,
        (false, false) => Verdict::Fine,
    }
}

fn no_news(facts: &Facts<'_>) -> Verdict {
    // A room that has just opened has said nothing yet; that somebody waits is heard of it, too.
    let is_old = facts.measures.pace.told_at.is_some_and(|at| facts.now - at >= NO_NEWS);
    if facts.measures.flow.waiting > 0 && is_old { Verdict::Bad } else { Verdict::Fine }
}

fn unclaimed(facts: &Facts<'_>) -> Verdict {
    let (unclaimed, cap) = (facts.measures.flow.unclaimed, f64::from(facts.room.max_active));
    let is_over = |share: f64| unclaimed >= UNCLAIMED_MIN && unclaimed as f64 >= cap * share;
    let holds =
        facts.measures.pace.is_held_by(|reason| matches!(reason, HoldBack::PassesUnclaimed { .. }));
    if (holds && unclaimed >= UNCLAIMED_MIN) || is_over(UNCLAIMED_HIGH) {
        Verdict::Bad
    } else if is_over(UNCLAIMED_LOW) {
        Verdict::Between
    } else {
        Verdict::Fine
    }
}

fn pace_below(facts: &Facts<'_>) -> Verdict {
    let Measures { flow, pace, .. } = facts.measures;
    let asked = facts.room.rate_per_sec;
    let is_line = flow.waiting as f64 >= (asked * LINE_SECS).max(1.0);
    let is_held = is_line || (flow.waiting > 0 && !pace.held_back.is_empty());
    // Nobody asked for a pace where everybody is passed through.
    let is_asked = facts.room.method != LineMethod::Passthrough;
    let is_told = is_asked && asked >= MEASURABLE_PER_SEC;
    if !is_told || !is_held || is_out(facts.measures) || flow.admitted_per_sec >= asked * AS_ASKED {
        Verdict::Fine
    } else if flow.admitted_per_sec < asked * BELOW {
        Verdict::Bad
    } else {
        Verdict::Between
    }
}
