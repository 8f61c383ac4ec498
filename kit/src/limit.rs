//! Rate limits per client (tower-governor), announced in `RateLimit` headers. [`callers`] counts
//! callers that are known by more than their address, [`presented`] those who show something.

pub mod callers;
mod client_address;
pub mod presented;

pub use client_address::ClientAddress;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use governor::middleware::StateInformationMiddleware;
use tower::{ServiceBuilder, util::MapResponseLayer};
use tower_governor::{GovernorError, GovernorLayer, governor::GovernorConfigBuilder};

use crate::{kept::is_shared, problem::Problem, serve::Tasks, settings::Settings};

/// How fast one client may call one group of routes.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Shown in `RateLimit-Policy`.
    pub name: &'static str,
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

impl Policy {
    /// Reads `FAIRGATE_LIMIT_<NAME>_PER_SEC` and `…_BURST`.
    pub fn from_settings(
        settings: &mut Settings,
        name: &'static str,
        per_second: u32,
        burst: u32,
    ) -> Self {
        let upper = name.to_uppercase().replace('-', "_");
        let mut read = |suffix: &str, default: u32| {
            let value = settings.or_within(
                &format!("FAIRGATE_LIMIT_{upper}_{suffix}"),
                default,
                1..=1_000_000,
            );
            NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
        };
        Self { name, per_second: read("PER_SEC", per_second), burst: read("BURST", burst) }
    }
}

/// Puts a limit around `router`'s routes.
pub fn per_client<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    policy: Policy,
    clients: &ClientAddress,
    tasks: &Tasks,
) -> Router<S> {
    let period = Duration::from_secs(1) / policy.per_second.get();
    let mut builder = GovernorConfigBuilder::default();
    builder.period(period).burst_size(policy.burst.get());
    let mut builder = builder.key_extractor(clients.clone());
    let Some(config) = builder.use_headers().finish() else {
        // Only a zero period or burst has no configuration, and both are non-zero here.
        return router;
    };
    let config = Arc::new(config);
    let limiter = config.limiter().clone();
    tasks.every("forget idle clients", Duration::from_secs(60), move || {
        limiter.retain_recent();
        std::future::ready(Ok(()))
    });
    let layer: GovernorLayer<_, StateInformationMiddleware, axum::body::Body> =
        GovernorLayer::new(config).error_handler(refusal);
    let fields = Fields::of(policy);
    let announcing = MapResponseLayer::new(move |response: Response| fields.announce(response));
    router.layer(ServiceBuilder::new().layer(announcing).layer(layer))
}

fn refusal(error: GovernorError) -> Response {
    match error {
        GovernorError::TooManyRequests { wait_time, .. } => too_fast(wait_time).into_response(),
        other => Problem::internal(format!("rate limit: {other}")).into_response(),
    }
}

fn too_fast(wait_secs: u64) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "That was too fast")
        .detail("Your place, holds and orders are safe. Wait a moment and try again.")
        .retry_after(wait_secs.max(1))
}

/// The standard fields of a policy, in place of tower-governor's `x-ratelimit-*`.
#[derive(Clone)]
struct Fields {
    policy: Option<HeaderValue>,
    name: &'static str,
    window_secs: u32,
}

impl Fields {
    fn of(policy: Policy) -> Self {
        let window_secs = policy.burst.get().div_ceil(policy.per_second.get());
        let text = format!("\"{}\";q={};w={window_secs}", policy.name, policy.burst);
        Self { policy: HeaderValue::from_str(&text).ok(), name: policy.name, window_secs }
    }

    fn announce(&self, mut response: Response) -> Response {
        let status = response.status();
        let headers = response.headers_mut();
        let remaining = headers.remove("x-ratelimit-remaining");
        for name in ["x-ratelimit-limit", "x-ratelimit-after", "x-ratelimit-whitelisted"] {
            headers.remove(name);
        }
        // What a shared cache gives to many says nothing of one of them.
        if is_shared(headers) {
            return response;
        }
        let remaining = match &remaining {
            Some(value) => value.to_str().unwrap_or("0"),
            None if status == StatusCode::TOO_MANY_REQUESTS => "0",
            None => return response,
        };
        self.stand(headers, remaining);
        response
    }

    fn stand(&self, headers: &mut HeaderMap, remaining: impl std::fmt::Display) {
        let standing = HeaderValue::from_str(&format!(
            "\"{}\";r={remaining};t={}",
            self.name, self.window_secs
        ));
        for (name, value) in
            [("ratelimit-policy", self.policy.clone()), ("ratelimit", standing.ok())]
        {
            if let Some(value) = value {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }

    /// The same of a second policy, behind the first.
    fn stand_too(&self, headers: &mut HeaderMap, remaining: impl std::fmt::Display) {
        const NAMES: [&str; 2] = ["ratelimit-policy", "ratelimit"];
        let first = NAMES.map(|name| headers.remove(name));
        self.stand(headers, remaining);
        for (name, first) in NAMES.into_iter().zip(first) {
            let both = first.zip(headers.get(name)).and_then(|(first, second)| {
                HeaderValue::from_bytes(&[first.as_bytes(), b", ", second.as_bytes()].concat()).ok()
            });
            if let Some(both) = both {
                headers.insert(HeaderName::from_static(name), both);
            }
        }
    }
}
