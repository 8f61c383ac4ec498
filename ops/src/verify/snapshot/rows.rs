//! What the checks look at, as values.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::verify::{
    draw::DrawState,
    line::{Joined, LaneState, Published, Step},
    orders::{Bought, Order, Payment},
    sessions::Span,
    stock::{Allotment, Shard},
    windows::SecondGrants,
};

/// Everything the checks look at.
pub struct Snapshot {
    pub shards: Vec<Shard>,
    pub allotments: Vec<Allotment>,
    /// Good tickets issued by ticket type.
    pub tickets: BTreeMap<Uuid, i64>,
    pub codes: Vec<String>,
    pub orders: Vec<Order>,
    pub bought: Vec<Bought>,
    pub payments: Vec<Payment>,
    pub sessions: Vec<Session>,
    pub rooms: Vec<Room>,
    pub drains: Vec<Drain>,
    pub outbox: Vec<Unsent>,
}

/// A session and the place it was opened with.
pub struct Session {
    pub span: Span,
    pub place: String,
}

/// A room's line and heads.
pub struct Room {
    pub room: String,
    /// Whether the line must still be there.
    pub is_open: bool,
    /// As many as the room has; the line may have fewer only if it is gone.
    pub lanes_expected: i32,
    pub lanes: Vec<LaneState>,
    pub joined: Joined,
    pub draw: DrawState,
    pub published: Vec<Published>,
    /// What follows from `published`.
    pub steps: Vec<Step>,
    pub second_grants: SecondGrants,
    /// Whether the topic `heads` still has everything that was ever published.
    pub heads_from_start: bool,
}

/// How far the writer of one partition of commands is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drain {
    pub partition: i32,
    pub next_offset: i64,
    pub end: i64,
}

/// An event that was not published yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsent {
    pub outbox_id: i64,
    pub key: String,
}
