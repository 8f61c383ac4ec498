//! How fast a line moves, what it may follow, and what holds it back.

pub mod control;
pub mod left_places;
pub mod pressure;
pub mod throughput;

use std::{fmt, str::FromStr};

use kit::{
    id::InvalidId,
    number::{counted, grouped},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether a room's pace follows checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaceMode {
    /// As fast as checkout can take it, between the floor and the operator's rate.
    #[default]
    Follow,
    /// At the operator's rate, whatever checkout says. The cap, the stock and a shut door hold all
    /// the same.
    Fixed,
}

impl fmt::Display for PaceMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Follow => "follow",
            Self::Fixed => "fixed",
        })
    }
}

impl FromStr for PaceMode {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "follow" => Ok(Self::Follow),
            "fixed" => Ok(Self::Fixed),
            _ => Err(InvalidId("pace's mode")),
        }
    }
}

/// What an operator says about a room's pace, beside its rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pacing {
    pub mode: PaceMode,
    /// Fans let in per second at least while the door is open and there is stock; at most the rate.
    pub floor_per_sec: f64,
    /// The slowest that one order in a hundred may be, in milliseconds; the pace keeps it so.
    pub order_ms_target: i32,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { mode: PaceMode::Follow, floor_per_sec: 1.0, order_ms_target: 1000 }
    }
}

/// One reason why a line moves no faster. `Display` is the sentence that people read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum HoldBack {
    /// The pace still grows, from a careful beginning or back after a cut; or it is not known yet
    /// what was granted, or what is left.
    Starting,
    /// Nobody says that passes are redeemed: checkout, Postgres or Redis is away.
    CheckoutAway,
    /// Checkout answers that it is full, or fails, to fans with a pass.
    DoorShut,
    /// As many are in checkout as may be.
    CheckoutFull { active: i64, max_active: i64 },
    /// So many who were let in have not come yet, and may fill what is free.
    PassesUnclaimed { unclaimed: i64 },
    /// One order in a hundred takes so long.
    OrdersSlow { order_ms: i64 },
    /// The order writer is so far behind.
    WriterBehind { lag_ms: i64 },
    /// One redemption or hold in a hundred takes so long.
    CheckoutSlow { call_ms: i64 },
    /// So many of a thousand calls of checkout fail.
    CheckoutFails { per_mille: i64 },
    /// Those who are in already are enough for the tickets that are left.
    StockLow { free: i64 },
    /// No ticket is free; so many may come back.
    SoldOut { held: i64 },
    /// What waits in so many lanes is not known: their controller is away.
    LanesUnknown { lanes: i64 },
}

impl HoldBack {
    /// The reason's name, as in JSON and in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::CheckoutAway => "checkout_away",
            Self::DoorShut => "door_shut",
            Self::CheckoutFull { .. } => "checkout_full",
            Self::PassesUnclaimed { .. } => "passes_unclaimed",
            Self::OrdersSlow { .. } => "orders_slow",
            Self::WriterBehind { .. } => "writer_behind",
            Self::CheckoutSlow { .. } => "checkout_slow",
            Self::CheckoutFails { .. } => "checkout_fails",
            Self::StockLow { .. } => "stock_low",
            Self::SoldOut { .. } => "sold_out",
            Self::LanesUnknown { .. } => "lanes_unknown",
        }
    }
}

impl fmt::Display for HoldBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = |ms: &i64| *ms as f64 / 1000.0;
        let number = |number: &i64| grouped(number.max(&0).unsigned_abs());
        match self {
            Self::Starting => write!(f, "the pace is still growing"),
            Self::CheckoutAway => write!(f, "checkout does not answer"),
            Self::DoorShut => write!(f, "checkout turns fans with a pass away"),
            Self::CheckoutFull { active, max_active } => {
                write!(f, "{} of {} are in checkout", number(active), number(max_active))
            }
            Self::PassesUnclaimed { unclaimed } => {
                write!(f, "{} not claimed yet", counted(*unclaimed, "pass", "passes"))
            }
            Self::OrdersSlow { order_ms } => write!(f, "orders take {:.1} s", secs(order_ms)),
            Self::WriterBehind { lag_ms } => {
                write!(f, "the order writer is {:.1} s behind", secs(lag_ms))
            }
            Self::CheckoutSlow { call_ms } => write!(f, "checkout takes {:.1} s", secs(call_ms)),
            Self::CheckoutFails { per_mille } => {
                write!(f, "{:.1} % of checkout's calls fail", *per_mille as f64 / 10.0)
            }
            Self::StockLow { free } => {
                write!(f, "{} left for those inside", counted(*free, "ticket", "tickets"))
            }
            Self::SoldOut { held: 0 } => write!(f, "sold out"),
            Self::SoldOut { held } => {
                write!(f, "no ticket is free; {} may come back", number(held))
            }
            Self::LanesUnknown { lanes } => {
                write!(f, "{} cannot be reached", counted(*lanes, "lane", "lanes"))
            }
        }
    }
}

/// What a controller tells about a room's pace, with its heads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct PaceReport {
    /// Fans let in per second now, at most: the operator's rate, or what checkout can take.
    pub per_sec: f64,
    /// By which share of itself that grows each second while checkout stays calm, as it does in the
    /// beginning; 0 where it does not.
    #[serde(default)]
    pub growth: f64,
    /// The room is not open, or paused: nobody is let in, whatever the pace.
    #[serde(default)]
    pub stands: bool,
    /// Why no more; empty where only the operator's rate, or nobody waiting, holds the line.
    pub held_by: Vec<HoldBack>,
    /// Sessions in checkout.
    pub active: i64,
    /// Let in, not come yet, and still within their window.
    pub unclaimed: i64,
    /// The share of those let in who come, as measured lately.
    pub show_share: f64,
    /// Places that the heads passed over because their fans had left, since the gate began; nobody
    /// was let in there.
    #[serde(default)]
    pub left_total: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_sentences_with_their_numbers_grouped() {
        for (reason, words) in [
            (HoldBack::PassesUnclaimed { unclaimed: 2_000 }, "2,000 passes not claimed yet"),
            (HoldBack::PassesUnclaimed { unclaimed: 1 }, "1 pass not claimed yet"),
            (HoldBack::OrdersSlow { order_ms: 1_430 }, "orders take 1.4 s"),
            (
                HoldBack::CheckoutFull { active: 1_999, max_active: 2_000 },
                "1,999 of 2,000 are in checkout",
            ),
            (HoldBack::SoldOut { held: 1_200 }, "no ticket is free; 1,200 may come back"),
            (HoldBack::CheckoutFails { per_mille: 25 }, "2.5 % of checkout's calls fail"),
        ] {
            assert_eq!(reason.to_string(), words);
        }
    }
}
