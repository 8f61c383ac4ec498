//! What consoles, portals and reports read of checkout: stock, sessions, orders, sales. Reads only.

use std::fmt;

use catalog::contract::{Money, ShowId, TicketTypeId};
use chrono::{DateTime, Utc};
use kit::paging::Cursor;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    order::{OrderId, buyer::Buyer, state::OrderState},
    payment::refund::RefundDetails,
};

pub mod read;

/// Tickets of one type, counted now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StockCount {
    #[schema(value_type = uuid::Uuid)]
    pub ticket_type: TicketTypeId,
    pub allotted: i64,
    /// In orders that are paid.
    pub sold: i64,
    /// In orders that wait for their payment.
    pub reserved: i64,
    /// In fans' checkouts; `null` where Redis does not know it at this moment.
    pub held: Option<i64>,
    /// To be had now; `null` where Redis does not know it at this moment.
    pub free: Option<i64>,
}

/// A room's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionCounts {
    /// Ever.
    pub opened: i64,
    /// Now.
    pub active: i64,
}

/// One line of a list of orders. Names a person: show it to those who may see it, and log none of
/// it.
#[derive(Clone, PartialEq, Eq)]
pub struct OrderSummary {
    pub order: OrderId,
    pub show: ShowId,
    pub state: OrderState,
    pub amount: Money,
    /// How many were ordered.
    pub tickets: i64,
    pub buyer_name: String,
    pub buyer_email: String,
    pub placed_at: DateTime<Utc>,
    pub paid_at: Option<DateTime<Utc>>,
}

/// Which orders to list, newest first.
#[derive(Debug, Clone, Copy)]
pub struct OrderQuery<'a> {
    /// Only of these; none at all where it is empty.
    pub shows: &'a [ShowId],
    pub state: Option<OrderState>,
    /// When the last order of the page before was placed, and its id.
    pub before: Option<Cursor<OrderId>>,
    pub limit: i64,
}

/// All there is to know about an order. Names a person.
#[derive(Clone, PartialEq, Eq)]
pub struct OrderDetails {
    pub order: OrderId,
    pub show: ShowId,
    pub state: OrderState,
    pub amount: Money,
    pub buyer: Buyer,
    /// BCP 47.
    pub language: String,
    pub placed_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub paid_at: Option<DateTime<Utc>>,
    pub lines: Vec<LineDetails>,
    /// By number; none before it is paid.
    pub tickets: Vec<TicketDetails>,
    pub refund: Option<RefundDetails>,
    /// A refund was asked for and the order writer has not taken it up yet.
    pub refund_requested: bool,
}

/// Tickets of one type at one price, from whichever shards they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineDetails {
    pub ticket_type: TicketTypeId,
    pub quantity: i32,
    pub unit_price: Money,
}

/// A ticket as issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketDetails {
    pub code: String,
    /// 1, 2, … within the order.
    pub number: i32,
    pub ticket_type: TicketTypeId,
    /// It lets nobody in any more.
    pub voided: bool,
}

/// Into what spans of time a report cuts what it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    Hour,
    Day,
}

/// As Postgres calls them.
impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hour => "hour",
            Self::Day => "day",
        })
    }
}

/// Which sales to report.
#[derive(Debug, Clone, Copy)]
pub struct SalesQuery<'a> {
    /// Only of these; none at all where it is empty.
    pub shows: &'a [ShowId],
    pub from: DateTime<Utc>,
    /// Before this.
    pub to: DateTime<Utc>,
    pub granularity: Granularity,
    /// IANA; hours and days begin in it.
    pub time_zone: &'a str,
}

/// What was sold, and what was given back, of one ticket type within an hour or a day. Sales count
/// when they were paid; refunds when they were done, or asked for while they are not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesRow {
    /// When the hour or the day begins.
    pub starts_at: DateTime<Utc>,
    pub show: ShowId,
    pub ticket_type: TicketTypeId,
    pub tickets: i64,
    /// What they cost.
    pub amount: Money,
    pub refunded_tickets: i64,
    /// In the same currency.
    pub refunded: Money,
}
