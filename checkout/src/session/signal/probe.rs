//! Whether passes can be redeemed here and now: tried, and said twice a second.
//!
//! Where Postgres takes no write, that is said; where Redis is away nothing can be said, and what
//! was said last grows old, which says the same.

use std::time::Duration;

use admission::contract::CheckoutSignal;
use chrono::Utc;
use tokio::time::timeout;

use crate::{App, store::process};

/// A word is good for three seconds: the next one must be said in time, whatever Postgres does.
const PROBE_MAX: Duration = Duration::from_millis(1_500);
/// Processes that said nothing for so long are forgotten by the database.
const FORGOTTEN_HOURS: i32 = 1;

/// Tries what redeeming takes and says what came of it. `answers` is whether this process redeems
/// at all.
pub async fn tell(app: &App, answers: bool) -> anyhow::Result<()> {
    let at = Utc::now();
    let redeems = answers && takes_writes(app).await;
    metrics::gauge!("fairgate_checkout_redeems").set(f64::from(u8::from(redeems)));
    let word = CheckoutSignal { at, redeems, writer: app.writer_clock.signal(at) };
    Ok(app.signals.tell_checkout(app.process, &word).await?)
}

/// Says that this process is going, so that nobody waits for its word to grow old.
pub async fn leave(app: &App) {
    if let Err(error) = app.signals.leave(app.process).await {
        tracing::debug!(%error, "a last word was not said; the one before grows old");
    }
    let _ = timeout(PROBE_MAX, process::leave(&app.pool, app.process)).await;
}

/// Forgets processes that ended without a word.
pub async fn forget(app: &App) -> anyhow::Result<()> {
    Ok(process::forget(&app.pool, FORGOTTEN_HOURS).await?)
}

async fn takes_writes(app: &App) -> bool {
    match timeout(PROBE_MAX, process::seen(&app.pool, app.process)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::debug!(%error, "Postgres takes no write");
            false
        }
        Err(_) => {
            tracing::debug!("Postgres takes too long for a write");
            false
        }
    }
}
