//! Counting what strangers fail at.

use kit::throttle::Network;

use crate::{
    App,
    security::{Failure, HOUR_ROWS_MAX},
    store,
};

/// Counts a failure from `network` at an account; `typed` may be anything. That it could not be
/// counted is no reason to answer otherwise.
pub async fn count(app: &App, failure: Failure, network: &Network, typed: &str) {
    let counted =
        store::security::count(&app.pool, failure.name(), &network.0, typed, HOUR_ROWS_MAX).await;
    if let Err(error) = counted {
        tracing::warn!(%error, kind = failure.name(), "a failure could not be counted");
    }
}
