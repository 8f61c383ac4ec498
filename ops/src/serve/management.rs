//! What whoever runs the system asks for, at an address of its own: whether it can serve, and what
//! it measures.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use kit::problem::Problem;
use tokio_util::sync::CancellationToken;

use super::topics::is_ours;
use crate::settings::Stores;

pub fn router(ready: Readiness) -> anyhow::Result<Router> {
    let router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz).with_state(Arc::new(ready)))
        .merge(kit::telemetry::metrics_router()?);
    Ok(kit::http::stack(router))
}

/// Says that the process runs.
pub async fn healthz() -> &'static str {
    "ok"
}

/// Whether this process can serve.
pub struct Readiness {
    /// As whoever is inside reaches them, and as the crowd does.
    stores: [Stores; 2],
    pub waitroom: Option<waitroom::App>,
    pub checkout: Option<checkout::App>,
    looked: tokio::sync::Mutex<Looked>,
    draining: CancellationToken,
}

/// What was found when it was last looked: asking is cheap, looking makes a Kafka client.
#[derive(Default)]
struct Looked {
    missing: Option<(Instant, Vec<&'static str>)>,
    /// Whether Kafka's topics were found to keep what they acknowledge.
    durable: bool,
}

/// What is missing where they were not found to.
const WEAK_TOPICS: &str = "topics that keep what they acknowledge";

const READINESS_FRESH: Duration = Duration::from_secs(1);

impl Readiness {
    pub fn of(stores: [&Stores; 2], draining: CancellationToken) -> Self {
        let looked = tokio::sync::Mutex::default();
        Self { stores: stores.map(Stores::clone), waitroom: None, checkout: None, looked, draining }
    }

    /// The servers that do not answer.
    async fn missing(&self) -> Vec<&'static str> {
        let mut looked = self.looked.lock().await;
        if let Some((at, missing)) = &looked.missing
            && at.elapsed() < READINESS_FRESH
        {
            return missing.clone();
        }
        let [inside, outside] = &self.stores;
        let postgres = async {
            for pool in [&inside.pool, &outside.pool] {
                sqlx::query("SELECT 1").execute(pool).await?;
            }
            anyhow::Ok(())
        };
        let redis = async {
            inside.redis.ping().await?;
            outside.redis.ping().await
        };
        let (postgres, redis, kafka) = tokio::join!(postgres, redis, outside.kafka.ping());
        let is_there = kafka.is_ok();
        let mut missing: Vec<&str> = [("PostgreSQL", postgres), ("Redis", redis), ("Kafka", kafka)]
            .into_iter()
            .filter_map(|(name, answer)| answer.is_err().then_some(name))
            .collect();
        // Where Kafka was away at the start, its topics were not looked at then.
        if is_there && !looked.durable {
            match outside.kafka.ensure_durable(is_ours).await {
                Ok(()) => looked.durable = true,
                Err(error) => {
                    // Said once for as long as it is so.
                    if looked
                        .missing
                        .as_ref()
                        .is_none_or(|(_, before)| !before.contains(&WEAK_TOPICS))
                    {
                        tracing::error!(
                            error = format!("{error:#}"),
                            "not ready for Kafka's topics"
                        );
                    }
                    missing.push(WEAK_TOPICS);
                }
            }
        }
        looked.missing = Some((Instant::now(), missing.clone()));
        missing
    }
}

/// 200 once every server answers and the heads were read; 503 naming what is missing until then,
/// and while draining.
async fn readyz(State(readiness): State<Arc<Readiness>>) -> axum::response::Response {
    if readiness.draining.is_cancelled() {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "It is ending")
            .detail("It finishes what it does and takes nothing new.")
            .into_response();
    }
    let mut missing = readiness.missing().await;
    missing.extend(readiness.waitroom.iter().flat_map(waitroom::App::missing));
    missing.extend(readiness.checkout.iter().flat_map(checkout::App::missing));
    if missing.is_empty() {
        return (StatusCode::OK, "ready").into_response();
    }
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready yet")
        .detail(format!("Waiting for {}.", missing.join(", ")))
        .retry_after(1)
        .into_response()
}
