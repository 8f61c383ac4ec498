//! Holds: tickets set aside for a session, for a while.
//!
//! A hold is a sealed token that says where its tickets were taken. Redis knows what is held;
//! should it forget, the token is enough to take the same tickets again, or to be refused honestly.

use catalog::contract::{Currency, Money, ShowId, TicketTypeId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App, Error,
    session::{Session, SessionId},
    stock::ShardKey,
};

pub mod current;
pub mod release;
pub mod replace;
pub mod reserve;

kit::uuid_id!(
    /// A hold.
    HoldId
);

/// Kinds of tickets in one hold at most.
pub const ITEMS_MAX: usize = 8;

/// So many tickets of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldItem {
    #[schema(value_type = uuid::Uuid)]
    pub ticket_type: TicketTypeId,
    /// At least 1, at most the type's `per_order_max`.
    #[schema(minimum = 1, maximum = 50)]
    pub quantity: i32,
}

/// What a hold token says. Short names, because a token is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    #[serde(rename = "h")]
    pub hold: HoldId,
    #[serde(rename = "s")]
    pub session: SessionId,
    #[serde(rename = "w")]
    pub show: ShowId,
    #[serde(rename = "i")]
    pub items: Vec<HeldItem>,
    #[serde(rename = "c")]
    pub currency: Currency,
    #[serde(rename = "x", with = "chrono::serde::ts_milliseconds")]
    pub expires_at: DateTime<Utc>,
}

/// Tickets of one type, and the shards they were taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldItem {
    #[serde(rename = "t")]
    pub ticket_type: TicketTypeId,
    #[serde(rename = "p")]
    pub unit_price_minor: i64,
    /// Shard and quantity.
    #[serde(rename = "n")]
    pub parts: Vec<(i32, i32)>,
}

impl HeldItem {
    pub fn quantity(&self) -> i32 {
        self.parts.iter().map(|(_, quantity)| quantity).sum()
    }
}

impl Hold {
    /// What it costs.
    pub fn amount(&self) -> Money {
        let of_item = |item: &HeldItem| item.unit_price_minor * i64::from(item.quantity());
        Money::new(self.items.iter().map(of_item).sum(), self.currency)
    }

    /// Tickets of all types.
    pub fn quantity(&self) -> i32 {
        self.items.iter().map(HeldItem::quantity).sum()
    }

    /// Its tickets of one type.
    pub fn item(&self, ticket_type: TicketTypeId) -> Option<&HeldItem> {
        self.items.iter().find(|item| item.ticket_type == ticket_type)
    }

    /// Its tickets in one shard.
    pub fn part(&self, shard: ShardKey) -> i32 {
        self.parts().filter(|(key, _, _)| *key == shard).map(|(_, quantity, _)| quantity).sum()
    }

    fn is_of(&self, items: &[HoldItem]) -> bool {
        let held = self.items.iter().map(|item| (item.ticket_type, item.quantity()));
        held.eq(items.iter().map(|item| (item.ticket_type, item.quantity)))
    }

    /// The shards it was taken from, with their quantities and unit prices.
    pub fn parts(&self) -> impl Iterator<Item = (ShardKey, i32, i64)> + '_ {
        self.items.iter().flat_map(|item| {
            let key = |shard| ShardKey { ticket_type: item.ticket_type, shard };
            item.parts
                .iter()
                .map(move |(shard, quantity)| (key(*shard), *quantity, item.unit_price_minor))
        })
    }
}

/// A hold with its token.
#[derive(Debug, Clone)]
pub struct Held {
    pub token: String,
    pub hold: Hold,
}

pub fn hold_id(session: SessionId, key: &str) -> HoldId {
    Uuid::new_v5(&session.uuid(), format!("hold\n{key}").as_bytes()).into()
}

/// Opens a hold token of this session. Whether it has run out, `expires_at` says.
///
/// # Errors
/// `hold-malformed`, `hold-key-unknown`, `hold-forged`, `hold-foreign`.
pub fn open_token(app: &App, session: &Session, token: &str) -> Result<Hold, Error> {
    let hold = open_token_of_anyone(app, token)?;
    if hold.session == session.session { Ok(hold) } else { Err(Error::HoldForeign) }
}

/// What a hold token says, whosever it is.
///
/// # Errors
/// `hold-malformed`, `hold-key-unknown`, `hold-forged`.
pub fn open_token_of_anyone(app: &App, token: &str) -> Result<Hold, Error> {
    app.hold_seal.open(token).map_err(Error::HoldToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_hold_fits_a_token() {
        let parts: Vec<(i32, i32)> =
            (0..crate::stock::SHARDS_MAX).map(|shard| (shard, 2)).collect();
        let item =
            HeldItem { ticket_type: Uuid::new_v4().into(), unit_price_minor: 100_000, parts };
        let hold = Hold {
            hold: Uuid::new_v4().into(),
            session: Uuid::new_v4().into(),
            show: "a".repeat(63).parse().expect("a show's id"),
            items: vec![item; ITEMS_MAX],
            currency: "EUR".parse().expect("a currency"),
            expires_at: Utc::now(),
        };
        let key = kit::token::generate_seal_key().expect("key");
        let ring = kit::token::SealRing::from_paserk(&key, "fairgate.hold.v1").expect("ring");
        let token = ring.seal(&hold).expect("seal");
        let opened: Hold = ring.open(&token).expect("within the size that is opened");
        assert_eq!(opened.items, hold.items);
        assert_eq!(opened.amount().minor, 8 * 64 * 100_000);
    }
}
