//! What consoles, portals and reports read of checkout: stock, sessions, orders, sales. Reads only.

use std::collections::BTreeMap;

use anyhow::Context;
use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use kit::redis::Redis;
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{contract::Buyer, order::state::State, stock::redis as shard, store};

/// Tickets of one type, counted now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StockCount {
    pub ticket_type: Uuid,
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
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderSummary {
    pub order: Uuid,
    pub show: String,
    pub state: State,
    /// In the currency's minor unit.
    pub amount_minor: i64,
    pub currency: String,
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
    pub shows: &'a [String],
    pub state: Option<State>,
    /// `placed_at` and id of the last order of the page before.
    pub before: Option<(DateTime<Utc>, Uuid)>,
    pub limit: i64,
}

/// All there is to know about an order. Names a person.
#[derive(Clone, PartialEq, Eq)]
pub struct OrderDetails {
    pub order: Uuid,
    pub show: String,
    pub state: State,
    /// In the currency's minor unit.
    pub amount_minor: i64,
    pub currency: String,
    pub buyer: Buyer,
    /// BCP 47.
    pub language: String,
    pub placed_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub paid_at: Option<DateTime<Utc>>,
    /// Ticket type, quantity, unit price in the minor unit.
    pub lines: Vec<(Uuid, i32, i64)>,
    /// By number; none before it is paid.
    pub tickets: Vec<TicketFacts>,
    pub refund: Option<RefundFacts>,
    /// A refund was asked for and the order writer has not taken it up yet.
    pub refund_requested: bool,
}

/// A ticket as issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketFacts {
    pub code: String,
    /// 1, 2, … within the order.
    pub number: i32,
    pub ticket_type: Uuid,
    /// It lets nobody in any more.
    pub voided: bool,
}

/// Money that goes back, or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFacts {
    pub amount_minor: i64,
    pub reason: String,
    pub requested_at: DateTime<Utc>,
    /// When the provider confirmed it.
    pub done_at: Option<DateTime<Utc>>,
    /// How often the provider did not do it.
    pub attempts: i32,
    /// When it is asked for, next or (where it is done) last.
    pub next_attempt_at: DateTime<Utc>,
    /// What the provider said the last time it did not do it, 300 characters at most. For staff,
    /// not for fans.
    pub last_fault: Option<String>,
}

impl RefundFacts {
    /// It is owed, and the provider did not do it though it was asked.
    pub fn is_failing(&self) -> bool {
        self.done_at.is_none() && self.last_fault.is_some()
    }
}

/// Money that is owed and that the provider did not give back though it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailingRefund {
    pub order: Uuid,
    pub show: String,
    /// What the provider calls the payment.
    pub payment_intent: String,
    /// In the currency's minor unit.
    pub amount_minor: i64,
    pub currency: String,
    /// Why it is owed.
    pub reason: String,
    pub requested_at: DateTime<Utc>,
    /// How often the provider was asked in vain.
    pub attempts: i32,
    /// When it is asked again.
    pub next_attempt_at: DateTime<Utc>,
    /// What the provider said the last time.
    pub last_fault: String,
}

/// Where a page of failing refunds ended: those of its last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundCursor {
    pub requested_at: DateTime<Utc>,
    pub order: Uuid,
}

/// How long the buckets of a report are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    Hour,
    Day,
}

impl Bucket {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// Which sales to report.
#[derive(Debug, Clone, Copy)]
pub struct SalesQuery<'a> {
    /// Only of these; none at all where it is empty.
    pub shows: &'a [String],
    pub from: DateTime<Utc>,
    /// Before this.
    pub to: DateTime<Utc>,
    pub bucket: Bucket,
    /// IANA; hours and days begin in it.
    pub time_zone: &'a str,
}

/// What was sold, and what was given back, of one ticket type in one bucket. Sales count when they
/// were paid; refunds when they were done, or asked for while they are not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesRow {
    /// When the bucket begins.
    pub bucket: DateTime<Utc>,
    pub show: String,
    pub ticket_type: Uuid,
    pub currency: String,
    pub tickets: i64,
    /// In the currency's minor unit, as are all amounts.
    pub amount_minor: i64,
    pub refunded_tickets: i64,
    pub refunded_minor: i64,
}

/// A show's stock by ticket type.
///
/// # Errors
/// Postgres away. Where Redis is away, `held` and `free` are absent.
pub async fn stock_counts(
    pool: &PgPool,
    redis: &Redis,
    show: &str,
) -> anyhow::Result<Vec<StockCount>> {
    let counted = store::report::stock(pool, show).await.context("counting stock")?;
    let looks = try_join_all(counted.iter().map(|row| async {
        let key = crate::stock::ShardKey { ticket_type: row.ticket_type, shard: row.shard };
        let seen = shard::look(redis, key).await.ok().flatten();
        Ok::<_, anyhow::Error>(seen.filter(|seen| seen.epoch == row.epoch))
    }))
    .await?;
    let mut counts: BTreeMap<Uuid, StockCount> = BTreeMap::new();
    for (row, seen) in counted.iter().zip(looks) {
        let ticket_type = row.ticket_type;
        let none = StockCount {
            ticket_type,
            allotted: 0,
            sold: 0,
            reserved: 0,
            held: Some(0),
            free: Some(0),
        };
        let count = counts.entry(ticket_type).or_insert(none);
        count.allotted += i64::from(row.allotted);
        count.sold += row.sold;
        count.reserved += row.reserved;
        let (held, free) = (
            seen.map(|s| s.held - s.run_out + s.placing),
            seen.map(|s| (s.free + s.run_out).max(0)),
        );
        count.held = count.held.zip(held).map(|(sum, more)| sum + more);
        count.free = count.free.zip(free).map(|(sum, more)| sum + more);
    }
    Ok(counts.into_values().collect())
}

/// How many sessions a room had and has.
///
/// # Errors
/// The database's.
pub async fn session_counts(pool: &PgPool, room: &str) -> sqlx::Result<SessionCounts> {
    store::report::sessions(pool, room).await
}

/// Orders, newest first.
///
/// # Errors
/// The database's.
pub async fn orders(pool: &PgPool, query: &OrderQuery<'_>) -> sqlx::Result<Vec<OrderSummary>> {
    store::report::orders(pool, query).await
}

/// One order, or `None` where the id is unknown.
///
/// # Errors
/// The database's.
pub async fn order(pool: &PgPool, order: Uuid) -> sqlx::Result<Option<OrderDetails>> {
    store::report::order(pool, order).await
}

/// Refunds that the provider did not do yet though it was asked, those that wait longest first.
///
/// # Errors
/// The database's.
pub async fn failing_refunds(
    pool: &PgPool,
    after: Option<RefundCursor>,
    limit: i64,
) -> sqlx::Result<Vec<FailingRefund>> {
    store::refund::failing(pool, after, limit).await
}

/// Sales and refunds by bucket, show and ticket type, in this order; buckets without any are left
/// out.
///
/// # Errors
/// The database's; also for a time zone it does not know.
pub async fn sales(pool: &PgPool, query: &SalesQuery<'_>) -> sqlx::Result<Vec<SalesRow>> {
    store::report::sales(pool, query).await
}
