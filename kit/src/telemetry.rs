//! Structured logs and Prometheus metrics.

use std::io::IsTerminal;

use axum::{Router, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::{Env, ProcessEnv};

/// Who reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// A server's log: JSON and everything from `info` on.
    Machine,
    /// A command's: text, and only what went wrong.
    Person,
}

/// Starts logging to standard error. `FAIRGATE_LOG` overrides what is said, `FAIRGATE_LOG_FORMAT`
/// (`json`, `text`) how.
pub fn logs(reader: Reader) {
    let (says, format) = match reader {
        Reader::Machine => ("info,sqlx::postgres::notice=warn", "json"),
        Reader::Person => ("warn", "text"),
    };
    let filter = ProcessEnv.get("FAIRGATE_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let registry =
        tracing_subscriber::registry().with(filter.unwrap_or_else(|| EnvFilter::new(says)));
    let format = ProcessEnv.get("FAIRGATE_LOG_FORMAT").unwrap_or_else(|| format.to_owned());
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let result = if format == "text" {
        registry.with(layer.with_ansi(std::io::stderr().is_terminal())).try_init()
    } else {
        registry.with(layer.json().flatten_event(true)).try_init()
    };
    // A second start in one process (tests) keeps the first.
    drop(result);
}

const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

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
