//! All that other crates may use of checkout.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use utoipa::ToSchema;
use uuid::Uuid;

pub use crate::{
    order::{
        command_log::{COMMANDS_TOPIC, DEAD_TOPIC, WRITER_GROUP},
        event::EVENTS_TOPIC,
        link::{
            LinkHolder, LinksRenewed, OrderLink, OrderLinks, forget_useless_links, new_order_link,
            renew_order_links, renewed_order,
        },
        state::State,
    },
    payment::{
        generate_webhook_secret,
        refund_request::{RefundAsked, request_refund},
    },
    report::{
        Bucket, FailingRefund, OrderDetails, OrderQuery, OrderSummary, RefundCursor, RefundFacts,
        SalesQuery, SalesRow, SessionCounts, StockCount, TicketFacts, failing_refunds, order,
        orders, sales, session_counts, stock_counts,
    },
    stock::redis::{ShardSnapshot, snapshot},
};
use crate::{stock, store};

/// Who buys. Personal: never logged, which is why `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Buyer {
    /// 1 to 200 characters.
    pub name: String,
    /// Where the tickets go; 3 to 254 characters.
    pub email: String,
    /// BCP 47, for what is written to the buyer; `en` where it is absent or not one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl fmt::Debug for Buyer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buyer(…)")
    }
}

/// A record of `orders.commands`, as JSON. The partition is the order's home partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Command {
    #[serde(rename = "place.v1")]
    Place(Box<Place>),
    /// The fan gave the order up.
    #[serde(rename = "cancel.v1")]
    Cancel(End),
    /// The time to pay is over.
    #[serde(rename = "expire.v1")]
    Expire(End),
    /// An admin gives a paid order's money back.
    #[serde(rename = "refund.v1")]
    Refund(End),
}

impl Command {
    /// The kinds that this version knows, as `type` says them.
    pub const KINDS: [&str; 4] = ["place.v1", "cancel.v1", "expire.v1", "refund.v1"];

    /// The order that it is about.
    pub fn order(&self) -> Uuid {
        match self {
            Self::Place(place) => place.order,
            Self::Cancel(end) | Self::Expire(end) | Self::Refund(end) => end.order,
        }
    }
}

/// Makes a hold an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub order: Uuid,
    pub session: Uuid,
    pub show: String,
    pub hold: Uuid,
    pub lines: Vec<PlaceLine>,
    pub amount_minor: i64,
    pub currency: String,
    pub buyer: Buyer,
    /// SHA-256 over what was asked, in hexadecimal.
    pub request_hash: String,
    pub placed_at: DateTime<Utc>,
    /// Until when it may be paid.
    pub expires_at: DateTime<Utc>,
}

/// Tickets of one type from one shard, taken under `epoch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaceLine {
    pub ticket_type: Uuid,
    pub shard: i32,
    pub quantity: i32,
    pub unit_price_minor: i64,
    pub epoch: i64,
}

/// Ends an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    pub order: Uuid,
}

/// A record of `orders.events`, as JSON, keyed by the order's id. It carries nothing personal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum OrderEvent {
    #[serde(rename = "order_placed.v1")]
    Placed(OrderEventData),
    /// Paid, with its tickets issued.
    #[serde(rename = "order_paid.v1")]
    Paid(OrderEventData),
    #[serde(rename = "order_expired.v1")]
    Expired(OrderEventData),
    #[serde(rename = "order_cancelled.v1")]
    Cancelled(OrderEventData),
    #[serde(rename = "order_refunded.v1")]
    Refunded(OrderEventData),
    /// Links to it that were given out no longer open it; its buyer is to be sent a new one.
    #[serde(rename = "order_link_renewed.v1")]
    LinkRenewed(LinkRenewed),
}

impl OrderEvent {
    /// For logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Placed(_) => "placed",
            Self::Paid(_) => "paid",
            Self::Expired(_) => "expired",
            Self::Cancelled(_) => "cancelled",
            Self::Refunded(_) => "refunded",
            Self::LinkRenewed(_) => "link_renewed",
        }
    }

    pub fn facts(&self) -> &OrderEventData {
        match self {
            Self::Placed(facts)
            | Self::Paid(facts)
            | Self::Expired(facts)
            | Self::Cancelled(facts)
            | Self::Refunded(facts) => facts,
            Self::LinkRenewed(renewed) => &renewed.facts,
        }
    }
}

/// What is told of links that were renewed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkRenewed {
    #[serde(flatten)]
    pub facts: OrderEventData,
    /// Another each time: [`renewed_order`] knows it.
    pub renewal: Uuid,
}

/// What every order event tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderEventData {
    pub order: Uuid,
    pub show: String,
    pub amount_minor: i64,
    pub currency: String,
    pub at: DateTime<Utc>,
}

/// Who calls with an API key instead of a fan's session. The resellers' layer puts it into a
/// request's extensions; the key itself never gets here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seller {
    pub reseller: Uuid,
    pub key: Uuid,
    /// Has [`scopes::ORDERS_WRITE`]: holds, orders, and gives up what this key held and ordered.
    pub may_sell: bool,
    /// Has [`scopes::ORDERS_READ`]: sees all orders of the reseller's shows, without entry codes.
    pub may_read_orders: bool,
    /// Has [`scopes::TICKETS_READ`]: sees the entry codes, too.
    pub may_read_tickets: bool,
}

/// What checkout asks of an API key, as scopes are called wherever people meet them.
pub mod scopes {
    pub const ORDERS_READ: &str = "orders:read";
    pub const ORDERS_WRITE: &str = "orders:write";
    pub const TICKETS_READ: &str = "tickets:read";
}

/// Puts stock on sale without the catalog's word, for tests and measurements; what is really sold
/// follows `catalog.events`. It is cut into `shards` (or a number that fits). Stock that is there
/// already stays as it is, so putting it twice changes nothing.
///
/// # Errors
/// The database's.
pub async fn put_stock(
    pool: &PgPool,
    show: &str,
    ticket_type: Uuid,
    allotted: i32,
    shards: Option<i32>,
) -> sqlx::Result<()> {
    let shards = shards.unwrap_or_else(|| stock::shards_for(allotted)).clamp(1, stock::SHARDS_MAX);
    store::stock::put(pool, show, ticket_type, &stock::split(allotted, shards)).await
}

/// The partition of `orders.commands` whose writer commits orders of this shard, of `partitions`
/// there are.
pub fn home_partition(ticket_type: Uuid, shard: i32, partitions: i32) -> i32 {
    stock::ShardKey { ticket_type, shard }.partition(partitions)
}
