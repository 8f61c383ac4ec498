//! A reseller: a company, and whether it may sell.

pub mod decision;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

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
