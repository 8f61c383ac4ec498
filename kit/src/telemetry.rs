//! Structured logs and Prometheus metrics.

use axum::{Router, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::{Env, ProcessEnv};

/// Starts logging to standard error: JSON, or text where `FAIRGATE_LOG_FORMAT=text`; filtered by `FAIRGATE_LOG`.
pub fn logs() {
    let filter = ProcessEnv.get("FAIRGATE_LOG").unwrap_or_else(|| "info".to_owned());
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let result = if ProcessEnv.get("FAIRGATE_LOG_FORMAT").as_deref() == Some("text") {
        registry.with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr)).try_init()
    } else {
        registry
            .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
            .try_init()
    };
    // A second start in one process (tests) keeps the first.
    drop(result);
}

const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Starts metrics and gives the route that shows them.
pub fn metrics_router() -> anyhow::Result<Router> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .build_recorder();
    let handle: PrometheusHandle = recorder.handle();
    let upkeep = handle.clone();
    // In a process that started them before (tests), the first recorder keeps counting.
    if metrics::set_global_recorder(recorder).is_ok() {
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(std::time::Duration::from_secs(5)).await;
                upkeep.run_upkeep();
            }
        });
    }
    let headers = [(axum::http::header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok(Router::new().route("/metrics", get(move || std::future::ready((headers, handle.render())))))
}
