//! The security log: what strangers fail at. It is counted and not listed, so that nobody who has
//! no account can make it grow without end or bury what was done in the audit log.

use kit::throttle::Network;

pub use crate::store::security::SecurityEntry;
use crate::{App, store};

/// Rows that one hour may have, about; networks beyond are counted together.
pub const HOUR_ROWS_MAX: i64 = 500;
pub const KEPT_DAYS: i32 = 90;

/// What somebody failed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// An address and a password that do not belong together.
    SignIn,
    /// A sign-in that was not looked at, after many that failed.
    Blocked,
    /// The password in use, asked for again in an open session.
    Password,
}

impl Failure {
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in.refused",
            Self::Blocked => "sign_in.blocked",
            Self::Password => "password.refused",
        }
    }
}

/// Counts a failure from `network` at an account; `typed` may be anything. That it could not be
/// counted is no reason to answer otherwise.
pub async fn count(app: &App, failure: Failure, network: &Network, typed: &str) {
    let counted =
        store::security::count(&app.pool, failure.name(), &network.0, typed, HOUR_ROWS_MAX).await;
    if let Err(error) = counted {
        tracing::warn!(%error, kind = failure.name(), "a failure could not be counted");
    }
}
