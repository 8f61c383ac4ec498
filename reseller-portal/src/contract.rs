//! All that other crates may use of the resellers' side: who they are, and what an admin decides
//! about them.

use std::fmt;

use catalog::contract::stop_reseller;
use chrono::{DateTime, Utc};
use kit::http::RequestId;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store;

/// Whether a reseller may sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResellerState {
    /// Signed up and not looked at yet.
    Pending,
    Approved,
    Declined,
    /// Was approved and may not sell now; API keys and pages are shut, nothing is sold.
    Suspended,
}

impl ResellerState {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Declined, Self::Suspended];

    /// As it stands in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Suspended => "suspended",
        }
    }

    pub fn may_sell(self) -> bool {
        self == Self::Approved
    }

    /// The state of that name, or `None`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A reseller as an admin sees them. Name and address of the contact are personal: `Debug` does not
/// show them.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ResellerEntry {
    pub reseller: Uuid,
    pub name: String,
    /// What they told about themselves when they signed up.
    pub about: String,
    pub state: ResellerState,
    pub created_at: DateTime<Utc>,
    pub decided_at: Option<DateTime<Utc>>,
    /// Told to the reseller where they were declined or suspended.
    pub reason: Option<String>,
    /// Who signed up.
    pub contact_name: String,
    pub contact_email: String,
}

impl fmt::Debug for ResellerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResellerEntry({}, {:?})", self.reseller, self.state)
    }
}

/// All resellers, or those in `state`: who waits stands first, then the newest. `limit` at most, of
/// those behind `after`.
///
/// # Errors
/// The database's.
pub async fn resellers(
    pool: &PgPool,
    state: Option<ResellerState>,
    after: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Vec<ResellerEntry>> {
    store::account::entries(pool, state, None, (after, limit)).await
}

/// One reseller, or `None` where the id is unknown.
///
/// # Errors
/// The database's.
pub async fn reseller(pool: &PgPool, reseller: Uuid) -> sqlx::Result<Option<ResellerEntry>> {
    Ok(store::account::entries(pool, None, Some(reseller), (None, 1)).await?.pop())
}

/// Puts a reseller into a state, within the caller's transaction, and gives the state before;
/// `None` where the id is unknown. Everywhere effective within a second: the pages and API keys of
/// whoever may not sell are shut, nothing of their shows is sold, and nobody is let in to their
/// lines. `reason` is told to the reseller; `request` is what the decision came of.
///
/// # Errors
/// The database's.
pub async fn decide(
    connection: &mut PgConnection,
    reseller: Uuid,
    state: ResellerState,
    reason: Option<&str>,
    request: &RequestId,
) -> sqlx::Result<Option<ResellerState>> {
    let before = store::account::decide(connection, reseller, state, reason).await?;
    if before.is_some() {
        stop_reseller(connection, reseller, !state.may_sell(), request).await?;
    }
    Ok(before)
}
