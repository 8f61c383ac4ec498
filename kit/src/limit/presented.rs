//! Limits of routes where everybody shows something that is theirs alone, a place ticket or a pass:
//! they are counted by that, so that nobody is turned away because others come from the same
//! address. What is shown costs nothing to make up, so an address has a ceiling, far above what
//! those who share one need.

use std::net::IpAddr;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};
use tower_governor::key_extractor::KeyExtractor;

use super::{ClientAddress, Policy, callers::Counts, refusal};
use crate::{extract::too_large, http::BODY_BYTES_MAX, serve::Tasks};

/// So many times the pace of one caller is the ceiling of an address.
const ADDRESS_FACTOR: u32 = 20;

/// What a call shows, as a digest: secrets are not kept.
type Shown = [u8; 32];

#[derive(Clone)]
struct Presented {
    each: Counts<Shown>,
    address: Counts<IpAddr>,
    clients: ClientAddress,
}

/// Puts a limit around `router`'s routes: each caller may call as fast as `policy` says, told apart
/// by `Authorization`, or else by body and cookies; and each address twenty times as fast, under
/// the name `ceiling`.
pub fn per_presented<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    policy: Policy,
    ceiling: &'static str,
    clients: &ClientAddress,
    tasks: &Tasks,
) -> Router<S> {
    let address = Policy {
        name: ceiling,
        per_second: policy.per_second.saturating_mul(FACTOR),
        burst: policy.burst.saturating_mul(FACTOR),
    };
    let presented = Presented {
        each: Counts::of(policy, tasks),
        address: Counts::of(address, tasks),
        clients: clients.clone(),
    };
    router.layer(from_fn_with_state(presented, counted))
}

const FACTOR: std::num::NonZeroU32 = match std::num::NonZeroU32::new(ADDRESS_FACTOR) {
    Some(factor) => factor,
    None => std::num::NonZeroU32::MIN,
};

async fn counted(State(presented): State<Presented>, request: Request, next: Next) -> Response {
    let address = match presented.clients.extract(&request) {
        Ok(address) => address,
        Err(error) => return refusal(error),
    };
    // The address first: else making things up to show would be free.
    let of_address = match presented.address.take(&address) {
        Ok(standing) => standing,
        Err(refused) => return *refused,
    };
    let (shown, request) = match shown(request).await {
        Ok(found) => found,
        Err(refused) => return *refused,
    };
    match presented.each.take(&shown) {
        Ok(standing) => {
            let mut response = next.run(request).await;
            standing.announce(&mut response);
            of_address.announce_too(&mut response);
            response
        }
        Err(mut refused) => {
            of_address.announce_too(&mut refused);
            *refused
        }
    }
}

/// What a call shows, and the call, whole.
async fn shown(request: Request) -> Result<(Shown, Request), Box<Response>> {
    let (parts, body) = request.into_parts();
    let mut digest = Sha256::new();
    if let Some(token) = parts.headers.get(header::AUTHORIZATION) {
        digest.update(token.as_bytes());
        return Ok((digest.finalize().into(), Request::from_parts(parts, body)));
    }
    let body =
        to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| Box::new(too_large().into_response()))?;
    digest.update(&body);
    for cookie in parts.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes) {
        digest.update(cookie);
    }
    Ok((digest.finalize().into(), Request::from_parts(parts, Body::from(body))))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, net::SocketAddr};

    use axum::{extract::ConnectInfo, http::StatusCode, routing::post};
    use tower::ServiceExt;

    use super::*;
    use crate::settings::Settings;

    fn door() -> Router {
        let env = HashMap::from([("FAIRGATE_LIMIT_BUY_BURST".to_owned(), "2".to_owned())]);
        let mut settings = Settings::new(&env);
        let buy = Policy::from_settings(&mut settings, "buy", 1, 1);
        let clients = ClientAddress::from_settings(&mut settings);
        let told = async |body: String| body;
        let routes = Router::new().route("/", post(told));
        per_presented(routes, buy, "buy-address", &clients, &Tasks::default())
    }

    async fn show(door: &Router, what: &str, by: &str) -> Response {
        let call = axum::http::Request::post("/");
        let call = if by.is_empty() { call } else { call.header("authorization", by) };
        let mut request = call.body(Body::from(what.to_owned())).expect("a request");
        let peer = SocketAddr::from(([192, 0, 2, 1], 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        door.clone().oneshot(request).await.expect("an answer")
    }

    #[tokio::test]
    async fn fans_behind_one_address_do_not_stand_in_each_others_way() {
        let door = door();
        for fan in 0..20 {
            let answer = show(&door, &format!("pass {fan}"), "").await;
            assert_eq!(answer.status(), StatusCode::OK, "fan {fan}");
            let told = answer.headers()["ratelimit"].to_str().expect("text");
            assert!(told.starts_with("\"buy\";r=1;t=2, \"buy-address\";r="), "{told}");
            let body = to_bytes(answer.into_body(), 100).await.expect("a body");
            assert_eq!(body, format!("pass {fan}").as_bytes(), "the call arrives whole");
        }
        let again = [show(&door, "pass 0", "").await, show(&door, "pass 0", "").await];
        assert_eq!(again.map(|answer| answer.status().as_u16()), [200, 429]);
        let by_token = [0; 3].map(|_| show(&door, "", "Bearer one"));
        let by_token = futures::future::join_all(by_token).await;
        let refused = by_token.last().expect("three");
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let told = refused.headers()["ratelimit"].to_str().expect("text");
        assert!(told.starts_with("\"buy\";r=0;t=2, \"buy-address\";r="), "{told}");
    }

    #[tokio::test]
    async fn making_things_up_to_show_has_a_ceiling() {
        let door = door();
        let mut taken = 0;
        for number in 0..60 {
            let answer = show(&door, &format!("made up {number}"), "").await;
            if answer.status() == StatusCode::OK {
                taken += 1;
                continue;
            }
            let told = answer.headers()["ratelimit"].to_str().expect("text");
            assert!(told.starts_with("\"buy-address\";r=0;"), "{told}");
        }
        // The burst of forty, and what came back of it meanwhile.
        assert!((40..55).contains(&taken), "{taken}");
    }
}
