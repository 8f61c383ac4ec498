//! Waiting for what happens in the background.

use std::time::{Duration, Instant};

const LONGEST: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_millis(30);

/// Looks until there is something to see, for 40 s at most.
///
/// # Panics
/// When it does not come.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LONGEST;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
