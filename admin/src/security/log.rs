//! Counting what strangers fail at.

use identity::Failure;
use kit::network::Network;
use sqlx::PgPool;

use crate::{security::HOUR_ROWS_MAX, store};

/// What a failure is called in the log.
const fn name(failure: Failure) -> &'static str {
    match failure {
        Failure::SignIn => "sign_in.refused",
        Failure::Blocked => "sign_in.blocked",
        Failure::Password => "password.refused",
    }
}

/// Counts a failure from `network` at an account; `typed` may be anything. That it could not be
/// counted is no reason to answer otherwise.
pub async fn count(pool: &PgPool, failure: Failure, network: &Network, typed: &str) {
    let counted =
        store::security::count(pool, name(failure), &network.0, typed, HOUR_ROWS_MAX).await;
    if let Err(error) = counted {
        tracing::warn!(%error, kind = name(failure), "a failure could not be counted");
    }
}
