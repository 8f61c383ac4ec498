//! The audit log: who did what, with what was so before and after. It is written in the transaction
//! of the change, so that neither is there without the other.

use chrono::{DateTime, Utc};
use kit::throttle::Network;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::staff::Staff;

/// What was done to what.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    pub action: &'static str,
    pub target: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl AuditEntry {
    pub fn new(action: &'static str, target: impl Into<String>) -> Self {
        Self { action, target: target.into(), before: None, after: None }
    }

    pub fn before(mut self, before: Value) -> Self {
        self.before = Some(before);
        self
    }

    pub fn after(mut self, after: Value) -> Self {
        self.after = Some(after);
        self
    }
}

/// Who does something, and where they call from.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// The e-mail address, or what is done at a shell is called by.
    pub who: &'a str,
    /// `None` at a shell of the server.
    pub network: Option<&'a Network>,
}

impl<'a> Actor<'a> {
    /// Somebody at a shell of the server.
    pub const fn at_shell(who: &'a str) -> Self {
        Self { who, network: None }
    }
}

impl<'a> From<&'a Staff> for Actor<'a> {
    fn from(staff: &'a Staff) -> Self {
        Self { who: &staff.email, network: Some(&staff.network) }
    }
}

/// One entry of the audit log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Entry {
    pub id: i64,
    pub at: DateTime<Utc>,
    /// The e-mail address of who did it; `set-up`; or `command line (<unix user>)`.
    pub who: String,
    /// Such as `room.change`.
    pub action: String,
    /// Such as `room mira-vale-harbour-lights`.
    pub target: String,
    /// What was so before; absent where there was nothing.
    pub before: Option<Value>,
    pub after: Option<Value>,
    /// An IPv4 address or an IPv6 /64; absent at a shell of the server, and in entries from before
    /// it was noted.
    pub network: Option<String>,
    /// As in the `x-request-id` of the answer.
    pub request_id: String,
}

/// Which entries to read: newest first.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    /// Part of the address of who did it.
    pub who: Option<&'a str>,
    /// Part of the target.
    pub target: Option<&'a str>,
    /// Entries older than this one.
    pub before: Option<i64>,
}
