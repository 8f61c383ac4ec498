//! Those who signed in: what they may do, and how a request says who it is from.

pub mod accounts;
pub mod first_admin;
pub mod manage;

use chrono::{DateTime, Utc};
use kit::throttle::Network;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

kit::uuid_id!(/// Somebody who works at the console.
    StaffId);

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
    /// As it stands in the database and in forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
        }
    }

    /// The role of that name. A CHECK keeps other texts out of the table; should one get in, it may
    /// do the least.
    pub fn or_least(name: &str) -> Self {
        if name == Self::Admin.as_str() { Self::Admin } else { Self::Operator }
    }
}

/// Somebody who signed in.
#[derive(Debug, Clone)]
pub struct Staff {
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub must_change_password: bool,
    /// Where this request comes from.
    pub network: Network,
}

/// Somebody who may sign in, or might.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Person {
    #[serde(rename = "person")]
    pub id: StaffId,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Has a one-time password still.
    pub must_change_password: bool,
    pub created_at: DateTime<Utc>,
    pub disabled_at: Option<DateTime<Utc>>,
}

/// What signing in needs to know of an account.
pub struct Account {
    pub person: Person,
    pub password_hash: String,
    pub one_time_ends_at: Option<DateTime<Utc>>,
    pub one_time_used_at: Option<DateTime<Utc>>,
}

/// Somebody's password was reset or changed.
pub struct PasswordChange {
    pub at: DateTime<Utc>,
    /// The address of who did it; `set-up` for the command line.
    pub who: String,
    /// It became a one-time password, given by `who`.
    pub was_reset: bool,
}
