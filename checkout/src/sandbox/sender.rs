//! Sends webhooks: prompt, signed (Standard Webhooks), again and again until they are taken.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use kit::serve::Tasks;
use tokio::{sync::Semaphore, task::JoinSet};

use crate::sandbox::{
    state::State,
    store::{self, Delivery},
};

/// Deliveries under way at once.
const CONCURRENT_MAX: usize = 64;
/// How often to look for what others queued, or what is due again.
const LOOK: Duration = Duration::from_millis(200);
/// Longer than a delivery can take, so that nobody else takes it on meanwhile.
const LEASE_SECS: f64 = 10.0;
const FIRST_RETRY_MS: i64 = 500;
const LAST_RETRY_MS: i64 = 60_000;
/// Close to three days, at a minute each.
const ATTEMPTS_MAX: i32 = 4_000;

/// Starts sending.
pub fn start(sandbox: State, tasks: &Tasks) {
    let stop = tasks.stop();
    tasks.spawn(async move {
        let permits = Arc::new(Semaphore::new(CONCURRENT_MAX));
        let mut sending = JoinSet::new();
        let mut failing = false;
        while !stop.is_cancelled() {
            while sending.try_join_next().is_some() {}
            let found = match round(&sandbox, &permits, &mut sending).await {
                Ok(found) => {
                    failing = false;
                    found
                }
                Err(error) => {
                    if !failing {
                        tracing::warn!(%error, "the sandbox cannot look for webhooks to send, will \
                            try again");
                    }
                    failing = true;
                    0
                }
            };
            if found > 0 {
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = sandbox.wake.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        while sending.join_next().await.is_some() {}
    });
}

/// Takes on what is due, at most as many as may still be under way, and says how many.
async fn round(
    sandbox: &State,
    permits: &Arc<Semaphore>,
    sending: &mut JoinSet<()>,
) -> sqlx::Result<usize> {
    // At least one, so that a full house waits here instead of asking the database.
    let Ok(first) = permits.clone().acquire_owned().await else { return Ok(0) };
    let mut free = vec![first];
    while let Ok(permit) = permits.clone().try_acquire_owned() {
        free.push(permit);
    }
    let due = store::claim(&sandbox.pool, free.len() as i64, LEASE_SECS, ATTEMPTS_MAX).await?;
    let found = due.len();
    for (delivery, permit) in due.into_iter().zip(free) {
        let sandbox = sandbox.clone();
        sending.spawn(async move {
            deliver(&sandbox, delivery).await;
            drop(permit);
        });
    }
    Ok(found)
}

async fn deliver(sandbox: &State, delivery: Delivery) {
    let id = delivery.id;
    let attempts = delivery.attempts;
    let outcome = match send(sandbox, delivery).await {
        Ok(()) => store::delivered(&sandbox.pool, id).await,
        Err(error) => {
            metrics::counter!("fairgate_sandbox_webhooks_failed_total").increment(1);
            tracing::debug!(
                error = format!("{error:#}"),
                attempts,
                "a webhook was not taken, will send it again"
            );
            store::put_off(
                &sandbox.pool,
                id,
                Utc::now() + chrono::Duration::milliseconds(retry_ms(attempts)),
            )
            .await
        }
    };
    if let Err(error) = outcome {
        // The lease ends by itself, and the webhook goes out once more; receivers know it by its
        // id.
        tracing::warn!(%error, "the sandbox could not note what became of a webhook");
    }
}

async fn send(sandbox: &State, delivery: Delivery) -> anyhow::Result<()> {
    let body = serde_json::to_string(&delivery.payload)?;
    let timestamp = Utc::now().timestamp();
    let signature = sandbox.signer.sign(&delivery.webhook_id, timestamp, body.as_bytes())?;
    let response = sandbox
        .client
        .post(&sandbox.config.webhook_url)
        .header("content-type", "application/json")
        .header(standardwebhooks::HEADER_WEBHOOK_ID, &delivery.webhook_id)
        .header(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP, timestamp.to_string())
        .header(standardwebhooks::HEADER_WEBHOOK_SIGNATURE, signature)
        .body(body)
        .send()
        .await?;
    anyhow::ensure!(response.status().is_success(), "answered {}", response.status());
    Ok(())
}

/// 0.5 s, 1 s, 2 s … 60 s.
fn retry_ms(attempts: i32) -> i64 {
    let doublings = attempts.saturating_sub(1).clamp(0, 16);
    (FIRST_RETRY_MS << doublings).min(LAST_RETRY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_slow_down_to_a_minute() {
        assert_eq!([1, 2, 3, 8, 4_000].map(retry_ms), [500, 1_000, 2_000, 60_000, 60_000]);
    }
}
