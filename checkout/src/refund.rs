//! Money that is owed goes back by itself: asked of the provider again and again until it is done.

use std::time::Duration;

use chrono::Utc;
use futures::{StreamExt, stream};
use kit::{http::RequestId, serve::Tasks};
use sqlx::PgConnection;

use crate::{
    App,
    contract::{OrderEvent, OrderFacts},
    payment::Provider,
    store::{self, payment::Returned},
};

const LOOK: Duration = Duration::from_secs(1);
const BATCH: i64 = 50;
const CONCURRENT_MAX: usize = 4;
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
    let owed = store::payment::owed(&app.pool, BATCH).await?;
    let failed: Vec<anyhow::Error> = stream::iter(owed)
        .map(|intent| async move { give_back(app, &intent).await })
        .buffer_unordered(CONCURRENT_MAX)
        .filter_map(|outcome| async { outcome.err() })
        .collect()
        .await;
    match failed.into_iter().next() {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

async fn give_back(app: &App, intent: &str) -> anyhow::Result<()> {
    // No transaction is open while the provider thinks.
    Provider::current(app).refund(intent).await?;
    let mut tx = app.pool.begin().await?;
    note(&mut tx, intent, &RequestId::fresh()).await?;
    tx.commit().await?;
    Ok(())
}

/// Notes that the money of a payment went back, and tells others. Says whether that was news.
pub async fn note(tx: &mut PgConnection, intent: &str, request: &RequestId) -> sqlx::Result<bool> {
    let now = Utc::now();
    match store::payment::returned(tx, intent, now).await? {
        Returned::Known => Ok(false),
        Returned::Noted => Ok(true),
        Returned::Order(order) => {
            let facts = OrderFacts {
                order: order.order_id,
                show: order.show,
                amount_minor: order.amount_minor,
                currency: order.currency,
                at: now,
            };
            store::outbox::add(tx, &OrderEvent::Refunded(facts), request).await?;
            Ok(true)
        }
    }
}
