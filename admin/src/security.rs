//! The security log: what strangers fail at. It is counted and not listed, so that nobody who has
//! no account can make it grow without end or bury what was done in the audit log.

pub mod log;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// Rows that one hour may have, about; networks beyond are counted together.
pub const HOUR_ROWS_MAX: i64 = 500;
pub const KEPT_DAYS: i32 = 90;

/// What one network failed at within one hour, for one account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SecurityEntry {
    /// Start of the hour.
    pub hour: DateTime<Utc>,
    /// `sign_in.refused`, `sign_in.blocked` or `password.refused`.
    pub kind: String,
    /// An IPv4 address or an IPv6 /64; `others` beyond the first of an hour.
    pub network: String,
    /// The e-mail address of the account; empty where there is none.
    pub account: String,
    /// How often.
    pub times: i64,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
}
