//! The chance that tickets are left at one's turn. Pure. The queue page's script follows the same
//! rule; `assets/wait_cases.json` is the table that both pass.

use admission::contract::{LineStock, StockState, TypeStock};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A chance below this many percent is told early, and kindly.
pub const ALMOST_NONE_PERCENT: u8 = 5;
/// How far the shares that demand is worked out from may be off, of themselves.
const UNSURE: f64 = 0.15;
/// Of what is held, this share comes back.
const RETURN_SHARE: f64 = 0.2;
/// Before anybody came, this share of fans buys; it counts like so many fans seen.
const BUYING_SHARE: f64 = 0.7;
const BUYING_SEEN: f64 = 20.0;

/// What the line takes from one type's tickets, for anybody in it: whoever has `ahead` people
/// before them stands behind `ahead + inside`, each of whom takes `mean` tickets, give or take.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct Odds {
    /// Tickets that are free, and of those held as many as are likely to come back.
    pub tickets: f64,
    /// Fans who were let in and may still take some.
    pub inside: f64,
    pub mean: f64,
    /// Of how many one fan takes.
    pub variance: f64,
}

impl Odds {
    /// The chance, in percent from 1 to 99, that a ticket is left behind so many people.
    pub fn percent(&self, ahead: i64) -> u8 {
        let people = ahead.max(0) as f64 + self.inside;
        let taken = people * self.mean;
        let spread = (people * self.variance + (UNSURE * taken).powi(2)).sqrt().max(0.2);
        let chance = normal((self.tickets - 0.5 - taken) / spread);
        (chance * 100.0).round().clamp(1.0, 99.0) as u8
    }

    /// Whether that is so little that one should know early.
    pub fn is_almost_none(&self, ahead: i64) -> bool {
        self.percent(ahead) < ALMOST_NONE_PERCENT
    }
}

/// The distribution function of the normal distribution, to four digits: short, so that the script
/// can do the same.
fn normal(z: f64) -> f64 {
    1.0 / (1.0 + (-(1.5976 * z + 0.070_56 * z.powi(3))).exp())
}

/// What is left of one type, and what the line takes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TypeOdds {
    pub ticket_type: Uuid,
    pub name: String,
    pub state: StockState,
    /// Can be bought now.
    pub tickets_left: i64,
    pub odds: Odds,
}

/// How the sale stands, for those who wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sale {
    pub state: StockState,
    /// Can be bought now, of all types.
    pub tickets_left: i64,
    /// Held or not paid yet: may come back.
    pub tickets_held: i64,
    pub types: Vec<TypeOdds>,
}

/// The chance that a ticket of one type is left at one's turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Chance {
    pub ticket_type: Uuid,
    pub name: String,
    pub state: StockState,
    /// Of a hundred fans in this place so many find one; from 1 to 99.
    pub percent: u8,
    /// Less than five in a hundred.
    pub almost_none: bool,
}

/// What is known of those who were let in.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Inside {
    pub let_in: i64,
    pub active: i64,
    pub unclaimed: i64,
    /// The share of those let in who come.
    pub show_share: f64,
}

impl Sale {
    pub fn of(stock: &LineStock, inside: Inside) -> Self {
        let demand = Demand::of(stock, inside);
        Self {
            state: stock.state(),
            tickets_left: stock.free(),
            tickets_held: stock.held(),
            types: stock.types.iter().map(|of_type| demand.odds(stock, of_type)).collect(),
        }
    }

    /// The chances of whoever has so many people ahead.
    pub fn chances(&self, ahead: i64) -> Vec<Chance> {
        let of_type = |left: &TypeOdds| Chance {
            ticket_type: left.ticket_type,
            name: left.name.clone(),
            state: left.state,
            percent: left.odds.percent(ahead),
            almost_none: left.odds.is_almost_none(ahead),
        };
        self.types.iter().map(of_type).collect()
    }
}

/// How much fans take.
struct Demand {
    inside: f64,
    /// The share of those in the line who will take something.
    taking: f64,
    per_fan: f64,
}

impl Demand {
    fn of(stock: &LineStock, inside: Inside) -> Self {
        let show = inside.show_share.clamp(0.01, 1.0);
        let undecided = (inside.active - stock.served).max(0) as f64;
        let expected = inside.unclaimed as f64 * show;
        let per_fan = stock.per_fan.max(1.0);
        let taken: i64 = stock.types.iter().map(taken).sum();
        let takers = taken as f64 / per_fan;
        // Those who came and have made up their mind.
        let came = ((inside.let_in - inside.unclaimed) as f64 * show - undecided).max(takers);
        let buying = (takers + BUYING_SHARE * BUYING_SEEN) / (came + BUYING_SEEN);
        Self {
            // Counted like people in line: of those inside nobody fails to show up.
            inside: (undecided + expected) / show,
            taking: show * buying.min(1.0),
            per_fan,
        }
    }

    fn odds(&self, stock: &LineStock, of_type: &TypeStock) -> TypeOdds {
        let takes = self.taking * preference(stock, of_type);
        TypeOdds {
            ticket_type: of_type.ticket_type,
            name: of_type.name.clone(),
            state: of_type.state(),
            tickets_left: of_type.free.max(0),
            odds: Odds {
                tickets: short(
                    of_type.free.max(0) as f64 + RETURN_SHARE * of_type.held.max(0) as f64,
                ),
                inside: short(self.inside),
                mean: short(takes * self.per_fan),
                variance: short(takes * (1.0 - takes) * self.per_fan * self.per_fan),
            },
        }
    }
}

fn taken(of_type: &TypeStock) -> i64 {
    of_type.sold.max(0) + of_type.held.max(0)
}

/// The share of takers who take this type, among those that can still be had: by what was taken of
/// each, and while that is little, by how many there are.
fn preference(stock: &LineStock, of_type: &TypeStock) -> f64 {
    let allotted = stock.allotted().max(1) as f64;
    let weight = |of: &TypeStock| taken(of) as f64 + 20.0 * of.allotted.max(0) as f64 / allotted;
    let rest: f64 = stock
        .types
        .iter()
        .filter(|other| other.free > 0 || other.ticket_type == of_type.ticket_type)
        .map(weight)
        .sum();
    if rest > 0.0 { (weight(of_type) / rest).min(1.0) } else { 1.0 }
}

/// Four digits after the point: it travels.
fn short(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests;
