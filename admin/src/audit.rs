//! The audit log: who did what, with what was so before and after. It is written in the transaction
//! of the change, so that neither is there without the other.

use kit::{http::RequestId, throttle::Network};
use serde_json::Value;
use sqlx::PgConnection;

pub use crate::store::audit::{Entry, Filter};
use crate::{staff::Staff, store};

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

/// Adds what an actor does to the log, within the transaction of the deed.
pub async fn note<'a>(
    tx: &mut PgConnection,
    actor: impl Into<Actor<'a>>,
    request: &RequestId,
    deed: &AuditEntry,
) -> sqlx::Result<()> {
    store::audit::add(tx, actor.into(), &request.0, deed).await
}
