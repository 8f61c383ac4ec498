//! Orders: from a hold through the log into Postgres.
//!
//! [`submit`] sends a [`command`] to the log ([`command_log`]); [`writer`] takes it from there and
//! writes what [`plan`] decides, within what [`state`] allows; [`waiters`] hear of it, and what
//! others are told is in [`event`]. [`query`] finds an order, [`cancel`] and [`expiry`] end an
//! unpaid one, [`link`] opens one without a session. [`buyer`] says to whom it belongs,
//! [`amount`] how records have its money.

use catalog::contract::{Money, ShowId, TicketTypeId};
use chrono::{DateTime, Utc};

use crate::{
    order::{buyer::Buyer, reject_reason::RejectReason, state::OrderState},
    session::SessionId,
};

mod amount;
pub(crate) mod buyer;
pub(crate) mod cancel;
pub(crate) mod command;
pub(crate) mod command_log;
pub(crate) mod event;
pub(crate) mod expiry;
pub(crate) mod link;
pub(crate) mod plan;
pub(crate) mod query;
pub(crate) mod reject_reason;
pub mod state;
pub(crate) mod submit;
pub(crate) mod waiters;
pub(crate) mod writer;

kit::uuid_id!(
    /// An order.
    OrderId
);

/// An order with its lines.
#[derive(Debug, Clone)]
pub struct Order {
    pub order: OrderId,
    pub session: SessionId,
    pub show: ShowId,
    pub state: OrderState,
    pub amount: Money,
    pub buyer: Buyer,
    /// The partition of `orders.commands` whose writer owns it.
    pub home_partition: i32,
    pub placed_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub paid_at: Option<DateTime<Utc>>,
    pub payment_intent: Option<String>,
    pub payment_url: Option<String>,
    pub payment_fault: Option<String>,
    pub lines: Vec<OrderLine>,
}

/// Tickets of one type from one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    pub ticket_type: TicketTypeId,
    pub shard: i32,
    pub quantity: i32,
    pub unit_price_minor: i64,
}

/// What the writer decided about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterDecision {
    /// Nothing yet.
    Pending,
    Written,
    Rejected(RejectReason),
}

/// What became of a call.
#[derive(Debug)]
pub enum Submission {
    /// Written now or by an earlier call with this key.
    Order(Box<Order>),
    /// In the log, not written yet; ask for it in a moment.
    Pending(OrderId),
}
