//! How long the writer pauses between attempts.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

pub fn backoff() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(1))
        .without_max_times()
        .with_jitter()
        .build()
}
