//! Those who signed in: what they may do, and how a request says who it is from.

use kit::throttle::Network;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Steers rooms.
    Operator,
}

impl Role {
    pub fn as_text(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }

    /// A CHECK keeps other texts out of the table; should one get in, it may do the least.
    pub fn of_text(text: &str) -> Self {
        if text == "admin" { Self::Admin } else { Self::Operator }
    }
}

/// Somebody who signed in.
#[derive(Debug, Clone)]
pub struct Staff {
    pub person: Uuid,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub must_change_password: bool,
    /// Where this request comes from.
    pub network: Network,
}
