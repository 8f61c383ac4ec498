//! The audit log: who did what, with what was so before and after. It is written in the transaction of the change, so
//! that neither is there without the other.

use kit::http::RequestId;
use serde_json::Value;
use sqlx::PgConnection;

use crate::store;
pub use crate::store::audit::{Entry, Filter};

/// What was done to what.
#[derive(Debug, Clone)]
pub struct Deed {
    pub action: &'static str,
    pub target: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Deed {
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

/// Adds a deed of `who` to the log, within the transaction of the deed.
pub async fn note(tx: &mut PgConnection, who: &str, request: &RequestId, deed: &Deed) -> sqlx::Result<()> {
    store::audit::add(tx, who, &request.0, deed).await
}
