//! Money that is owed goes back by itself: asked of the provider again, less and less often, until
//! it is done. What the provider does not do is kept with the refund, for those who can see to it.

use std::time::Duration;

use chrono::Utc;
use futures::{StreamExt, stream};
use kit::{http::RequestId, serve::Tasks};
use sqlx::PgConnection;

use crate::{
    App,
    order::event::{OrderEvent, OrderEventData},
    payment::{ProviderError, provider::Provider},
    store::{self, payment::Returned, refund::OwedRefundRow},
};

const LOOK: Duration = Duration::from_secs(1);
const BATCH: i64 = 50;
const CONCURRENT_MAX: usize = 4;
const AWAY_SECS_MAX: f64 = 60.0;
const REFUSED_SECS_MAX: f64 = 3600.0;
/// What is kept of a provider's words.
const FAULT_CHARS_MAX: usize = 300;
/// Longer than any provider repeats a webhook.
const WEBHOOK_MEMORY_DAYS: i32 = 14;

/// Starts giving back what is owed, and forgetting old webhooks.
pub fn start(app: App, tasks: &Tasks) {
    let forgetting = app.pool.clone();
    tasks.every("give money back", LOOK, move || {
        let app = app.clone();
        async move { sweep(&app).await }
    });
    tasks.every("forget old webhooks", Duration::from_secs(3600), move || {
        let pool = forgetting.clone();
        async move {
            store::payment::forget_webhooks(&pool, WEBHOOK_MEMORY_DAYS).await?;
            Ok(())
        }
    });
}

/// One round. Several processes may do it at once: asking twice refunds once.
pub async fn sweep(app: &App) -> anyhow::Result<()> {
    let due = store::refund::due(&app.pool, BATCH).await?;
    let failed: Vec<anyhow::Error> = stream::iter(due)
        .map(|owed| async move { repay(app, &owed).await })
        .buffer_unordered(CONCURRENT_MAX)
        .filter_map(|outcome| async { outcome.err() })
        .collect()
        .await;
    match failed.into_iter().next() {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

/// Asks the provider. What it does not do is noted and asked for again later; an error is of our
/// own servers.
async fn repay(app: &App, owed: &OwedRefundRow) -> anyhow::Result<()> {
    // No transaction is open while the provider thinks.
    if let Err(fault) = Provider::current(app).refund(&owed.intent).await {
        let pause_secs = pause_secs(owed.attempts, &fault);
        // Once a refund, not once an attempt: how often is kept with it.
        if owed.attempts == 0 {
            tracing::warn!(order = %owed.order, %fault, "a refund was not done, and is asked for \
                again");
        }
        let text: String = fault.to_string().chars().take(FAULT_CHARS_MAX).collect();
        return Ok(store::refund::put_off(&app.pool, owed, pause_secs, &text).await?);
    }
    let mut tx = app.pool.begin().await?;
    note(&mut tx, &owed.intent, &RequestId::fresh()).await?;
    tx.commit().await?;
    Ok(())
}

/// How long to wait after one more attempt that failed: 2, 4, 8, … seconds. A provider that is away
/// comes back within minutes; one that refuses will hardly change its mind before somebody has seen
/// to it.
fn pause_secs(attempts: i32, fault: &ProviderError) -> f64 {
    let most = match fault {
        ProviderError::Away(_) => AWAY_SECS_MAX,
        ProviderError::Refused(_) => REFUSED_SECS_MAX,
    };
    2f64.powi(attempts.clamp(0, 30) + 1).min(most)
}

/// Notes that the money of a payment went back, and tells others. Says whether that was news.
pub async fn note(tx: &mut PgConnection, intent: &str, request: &RequestId) -> sqlx::Result<bool> {
    let now = Utc::now();
    match store::payment::returned(tx, intent, now).await? {
        Returned::Known => Ok(false),
        Returned::Noted => Ok(true),
        Returned::Order(order) => {
            let data = OrderEventData {
                order: order.order_id,
                show: order.show,
                amount: order.amount,
                at: now,
            };
            store::outbox::add(tx, &OrderEvent::Refunded(data), request).await?;
            Ok(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refund_is_asked_for_less_and_less_often() {
        let pauses = |fault: ProviderError| {
            [0, 1, 2, 5, 11, 1_000].map(|attempts| pause_secs(attempts, &fault))
        };
        assert_eq!(pauses(ProviderError::Away(String::new())), [2.0, 4.0, 8.0, 60.0, 60.0, 60.0]);
        assert_eq!(
            pauses(ProviderError::Refused(String::new())),
            [2.0, 4.0, 8.0, 64.0, 3600.0, 3600.0]
        );
    }
}
