//! Those who signed in: what they may do, and how a request says who it is from.

pub mod accounts;
pub mod first_admin;
pub mod manage;

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use kit::{id::InvalidId, throttle::Network};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

kit::uuid_id!(/// Somebody who works at the console.
    StaffId);

/// What somebody may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Steers rooms. The least, so it stands for whatever is no role.
    #[default]
    Operator,
}

/// As it stands in the database and in forms.
impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
        })
    }
}

impl FromStr for Role {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "admin" => Ok(Self::Admin),
            "operator" => Ok(Self::Operator),
            _ => Err(InvalidId("role")),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_survives_its_text_and_what_is_none_may_do_the_least() {
        for role in [Role::Admin, Role::Operator] {
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert_eq!("Admin".parse::<Role>().unwrap_or_default(), Role::Operator);
    }
}
