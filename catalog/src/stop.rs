//! Stopping a sale: a show is withdrawn for good, or its reseller may not sell for a while. The
//! truth is here and is read wherever something would be sold; `sale_changed.v1` tells
//! those who would not look by themselves.

pub mod withdraw;

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use kit::id::InvalidId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::seller::ResellerId;

/// Why nothing of a published show is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Its reseller may not sell for now.
    Suspended,
    /// For good.
    Withdrawn,
}

/// As in the database and in JSON.
impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
        })
    }
}

impl FromStr for Stop {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "suspended" => Ok(Self::Suspended),
            "withdrawn" => Ok(Self::Withdrawn),
            _ => Err(InvalidId("reason to stop a sale")),
        }
    }
}

/// That a show was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Withdrawal {
    pub at: DateTime<Utc>,
    /// Who did it, such as `admin ada@example.org`.
    pub by: String,
    /// Why; null where its reseller did it.
    pub reason: Option<String>,
}

/// Who withdraws a show.
#[derive(Debug, Clone, Copy)]
pub struct Withdrawing<'a> {
    /// Only a show of this reseller's; `None` for anybody's.
    pub reseller: Option<ResellerId>,
    /// Such as `admin ada@example.org`.
    pub by: &'a str,
    pub reason: Option<&'a str>,
}
