//! Rate limits per client (tower-governor), announced in `RateLimit` headers. [`callers`] counts callers that are known
//! by more than their address.

pub mod callers;

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::ConnectInfo,
    http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode},
    response::{IntoResponse, Response},
};
use governor::middleware::StateInformationMiddleware;
use ipnet::IpNet;
use tower::{ServiceBuilder, util::MapResponseLayer};
use tower_governor::{GovernorError, GovernorLayer, governor::GovernorConfigBuilder, key_extractor::KeyExtractor};

use crate::{problem::Problem, serve::Tasks, settings::Settings};

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
    pub fn from_settings(settings: &mut Settings, name: &'static str, per_second: u32, burst: u32) -> Self {
        let upper = name.to_uppercase().replace('-', "_");
        let mut read = |suffix: &str, default: u32| {
            let value = settings.or_within(&format!("FAIRGATE_LIMIT_{upper}_{suffix}"), default, 1..=1_000_000);
            NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN)
        };
        Self { name, per_second: read("PER_SEC", per_second), burst: read("BURST", burst) }
    }
}

/// The client's address: the peer's, or the last address in `X-Forwarded-For` that is not a trusted proxy's, where the
/// peer is a trusted proxy. Anybody else's header is ignored.
#[derive(Debug, Clone)]
pub struct ClientAddress {
    trusted: Arc<Vec<IpNet>>,
}

impl ClientAddress {
    /// Reads `FAIRGATE_TRUSTED_PROXIES`, a comma-separated list of networks; loopback by default.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let text = settings.or("FAIRGATE_TRUSTED_PROXIES", "127.0.0.0/8,::1/128".to_owned());
        let mut trusted = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.parse::<IpNet>() {
                Ok(net) => trusted.push(net),
                Err(_) => {
                    settings.mistake(format!("FAIRGATE_TRUSTED_PROXIES: {part} is not a network like 10.0.0.0/8"))
                }
            }
        }
        Self { trusted: Arc::new(trusted) }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// The address to hold responsible for a request.
    pub fn of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let forwarded = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let mut hops: Vec<IpAddr> =
            forwarded.flat_map(|value| value.split(',')).filter_map(|hop| hop.trim().parse().ok()).collect();
        while let Some(hop) = hops.pop() {
            if !self.trusts(hop) {
                return hop;
            }
        }
        peer
    }
}

impl KeyExtractor for ClientAddress {
    type Key = IpAddr;

    fn extract<T>(&self, request: &Request<T>) -> Result<IpAddr, GovernorError> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().ok_or(GovernorError::UnableToExtractKey)?;
        // One subscriber usually has a whole IPv6 /64, so that is what counts as one client.
        Ok(match self.of(peer.0.ip(), request.headers()) {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
            address => address,
        })
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
        let remaining = match &remaining {
            Some(value) => value.to_str().unwrap_or("0"),
            None if status == StatusCode::TOO_MANY_REQUESTS => "0",
            None => return response,
        };
        self.stand(headers, remaining);
        response
    }

    fn stand(&self, headers: &mut HeaderMap, remaining: impl std::fmt::Display) {
        let standing = HeaderValue::from_str(&format!("\"{}\";r={remaining};t={}", self.name, self.window_secs));
        for (name, value) in [("ratelimit-policy", self.policy.clone()), ("ratelimit", standing.ok())] {
            if let Some(value) = value {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients() -> ClientAddress {
        let env: std::collections::HashMap<String, String> = std::collections::HashMap::new();
        ClientAddress::from_settings(&mut Settings::new(&env))
    }

    #[test]
    fn only_a_trusted_proxy_may_name_the_client() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("203.0.113.9, 198.51.100.7, 127.0.0.1"));
        let (proxy, stranger) = ([127, 0, 0, 1].into(), [192, 0, 2, 1].into());
        // The left-most entry is whatever the client wrote, so the right-most untrusted one counts.
        assert_eq!(clients().of(proxy, &headers), IpAddr::from([198, 51, 100, 7]));
        assert_eq!(clients().of(stranger, &headers), stranger);
        assert_eq!(clients().of(proxy, &HeaderMap::new()), proxy);
    }
}
