//! A reseller: a company, and whether it may sell.

pub mod decision;

use std::{fmt, str::FromStr};

use catalog::contract::ResellerId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    pub const fn as_str(self) -> &'static str {
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
}

/// A text that names no state of a reseller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no state of a reseller")]
pub struct UnknownResellerState;

impl FromStr for ResellerState {
    type Err = UnknownResellerState;

    fn from_str(name: &str) -> Result<Self, UnknownResellerState> {
        Self::ALL.into_iter().find(|state| state.as_str() == name).ok_or(UnknownResellerState)
    }
}

impl fmt::Display for ResellerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reseller as an admin sees them. Name and address of the contact are personal: `Debug` does not
/// show them.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ResellerEntry {
    pub reseller: ResellerId,
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
