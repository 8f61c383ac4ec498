//! The layers every router of ours stands behind.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequestParts, MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use tower::ServiceBuilder;
use tower_http::compression::{
    CompressionLayer, DefaultPredicate, Predicate, predicate::NotForContentType,
};
use tracing::Instrument;

use crate::{extract, kept::is_shared, page::Face, problem::Problem, public_url::PublicUrl};

/// The largest request body we read, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// No request runs longer; stores have shorter limits of their own.
const REQUEST_SECS_MAX: u64 = 15;
/// Polled by all who wait, and short: compressed for each, it costs more than it saves. What is
/// large and the same for all is kept compressed ([`crate::kept`]).
const NOT_JSON: NotForContentType = NotForContentType::const_new("application/json");
const NOT_PROBLEMS: NotForContentType = NotForContentType::const_new("application/problem+json");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id a request is known by in logs, in its response and in the Kafka headers of what it
/// caused.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl RequestId {
    pub fn fresh() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(Self::fresh))
    }
}

/// Puts what all share around `router`: request id and span, metrics, panic catcher, time limit,
/// body limit, security headers, compression, and problems shown as pages to browsers.
///
/// One layer does most of it: each layer of axum's clones and boxes all that lie within it at every
/// request.
pub fn stack(router: Router) -> Router {
    layered(router, None)
}

/// The same for a system that browsers reach at `public`: by https, they are told never to come by
/// http again.
pub fn stack_at(public: &PublicUrl, router: Router) -> Router {
    let for_a_year = HeaderValue::from_static("max-age=31536000");
    layered(router, public.is_https().then_some(for_a_year))
}

fn layered(router: Router, only_https: Option<HeaderValue>) -> Router {
    let around = move |request: Request, next: Next| {
        let only_https = only_https.clone();
        async move {
            let mut response = around(request, next).await;
            if let Some(only_https) = only_https {
                response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, only_https);
            }
            response
        }
    };
    router.fallback(extract::nothing_here).method_not_allowed_fallback(method_not_allowed).layer(
        ServiceBuilder::new()
            .layer(
                CompressionLayer::new()
                    .compress_when(DefaultPredicate::new().and(NOT_JSON).and(NOT_PROBLEMS)),
            )
            .layer(from_fn(around))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX)),
    )
}

async fn around(mut request: Request, next: Next) -> Response {
    let seen = Seen::of(&mut request);
    let face = Face::wanted_by(&request);
    let answer = async {
        if is_foreign_form(&request) {
            return Problem::new(
                StatusCode::FORBIDDEN,
                "cross-site",
                "This came from another site",
            )
            .detail("Open the page here and try again.")
            .into_response();
        }
        answer(request, next).await
    };
    let mut response = face.show(answer.instrument(seen.span.clone()).await);
    secure(response.headers_mut());
    seen.tell(&mut response);
    response
}

/// The handler's answer, or a problem where it panics or takes too long.
async fn answer(request: Request, next: Next) -> Response {
    let handling = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(Duration::from_secs(REQUEST_SECS_MAX), handling).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => panicked(panic),
        Err(_) => Problem::unavailable("the request ran out of time").into_response(),
    }
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "This address does not do that",
    )
    .detail("Use another method. The Allow header lists those that work here.")
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words");
    Problem::internal(format!("panic: {text}")).into_response()
}

/// A form posted from another site is refused, with or without cookies of ours: it could just as
/// well set some, and make a fan buy in somebody else's session. Browsers say where a request comes
/// from in `Sec-Fetch-Site`; programs do not.
fn is_foreign_form(request: &Request) -> bool {
    let foreign = request.headers().get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    foreign && !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
}

fn secure(headers: &mut HeaderMap) {
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; \
            connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ));
}

/// Anybody may invent methods; each would become a series of its own for good.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A request as it is logged and measured.
struct Seen {
    id: RequestId,
    method: Method,
    route: String,
    span: tracing::Span,
    since: Instant,
}

impl Seen {
    /// Gives the request an id of ours: under one that the caller chose, deeds of many could be
    /// made to look like one. The caller's stands beside it, where it is fit to be logged.
    fn of(request: &mut Request) -> Self {
        let id = RequestId::fresh();
        let callers = request
            .headers()
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|value| {
                !value.is_empty()
                    && value.len() <= 64
                    && value.bytes().all(|byte| byte.is_ascii_graphic())
            })
            .map(str::to_owned);
        request.extensions_mut().insert(id.clone());
        let method = request.method().clone();
        let route = request
            .extensions()
            .get::<MatchedPath>()
            .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
        let span = tracing::info_span!("request", request_id = %id.0, caller_request_id = callers, %method, route);
        Self { id, method, route, span, since: Instant::now() }
    }

    fn tell(self, response: &mut Response) {
        let (elapsed, status) = (self.since.elapsed(), response.status());
        let elapsed_ms = elapsed.as_millis() as u64;
        self.span.in_scope(|| tracing::debug!(status = status.as_u16(), elapsed_ms, "answered"));
        let (method, status) = (method_label(&self.method), status.as_str().to_owned());
        metrics::histogram!("fairgate_http_seconds", "route" => self.route, "method" => method, "status" => status)
            .record(elapsed.as_secs_f64());
        // What a shared cache gives to many would tell each of them the request of somebody else.
        if let Ok(value) = HeaderValue::from_str(&self.id.0)
            && !is_shared(response.headers())
        {
            response.headers_mut().insert(REQUEST_ID, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, body::Body, routing::get};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn pages_are_compressed_and_json_is_not() {
        let words = "word ".repeat(1_000);
        let page = axum::response::Html(words.clone());
        let problem =
            Problem::new(StatusCode::CONFLICT, "conflict", "A problem").detail(words.clone());
        let router = Router::new()
            .route("/page", get(move || std::future::ready(page.clone())))
            .route("/json", get(move || std::future::ready(Json(words.clone()))))
            .route("/problem", get(move || std::future::ready(problem.clone())));
        for (path, coding) in [("/page", Some("gzip")), ("/json", None), ("/problem", None)] {
            let request =
                Request::get(path).header(header::ACCEPT_ENCODING, "gzip").body(Body::empty());
            let answer = stack(router.clone())
                .oneshot(request.expect("a request"))
                .await
                .expect("infallible");
            let told = answer
                .headers()
                .get(header::CONTENT_ENCODING)
                .map(|value| value.to_str().expect("text"));
            assert_eq!(told, coding, "{path}");
        }
    }

    #[tokio::test]
    async fn what_shared_caches_keep_has_no_callers_request_id() {
        let answer = |told: &'static str| {
            get(move || std::future::ready(([(header::CACHE_CONTROL, told)], "here")))
        };
        let router = Router::new()
            .route("/shared", answer("public, max-age=1"))
            .route("/own", answer("no-store"));
        for (path, has_id) in [("/shared", false), ("/own", true)] {
            let request = Request::get(path).body(Body::empty()).expect("a request");
            let answer = stack(router.clone()).oneshot(request).await.expect("infallible");
            assert_eq!(answer.headers().contains_key(REQUEST_ID), has_id, "{path}");
            assert!(!answer.headers().contains_key(header::SET_COOKIE), "{path}");
        }
    }

    #[tokio::test]
    async fn what_is_compressed_already_is_left_as_it_is() {
        let kept = crate::kept::KeptBody::file("text/css", "a { }\n".repeat(500).into());
        let kept = std::sync::Arc::new(kept);
        let kept = move |asked: HeaderMap| std::future::ready(kept.answer(&asked, "public"));
        let router = stack(Router::new().route("/a.css", get(kept)));
        let mut sizes = Vec::new();
        for accepted in ["gzip, deflate, br", "identity"] {
            let request = Request::get("/a.css").header(header::ACCEPT_ENCODING, accepted);
            let request = request.body(Body::empty()).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("infallible");
            let said = |name| answer.headers().get_all(name).iter().collect::<Vec<_>>();
            assert_eq!(said(header::VARY), ["accept-encoding"], "{accepted}");
            let coding = said(header::CONTENT_ENCODING).len();
            let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.expect("a body");
            sizes.push((coding, body.len()));
        }
        assert!(sizes[0].0 == 1 && sizes[0].1 < 200 && sizes[1] == (0, 3_000), "{sizes:?}");
    }

    #[tokio::test]
    async fn browsers_that_came_by_https_are_told_to_stay_with_it() {
        async fn told(public: &str, path: &str) -> Option<HeaderValue> {
            let router = Router::new().route("/", get(|| std::future::ready("hello")));
            let router = stack_at(&public.parse().expect("an address"), router);
            let request = Request::get(path).body(Body::empty()).expect("a request");
            let response = router.oneshot(request).await.expect("infallible");
            response.headers().get(header::STRICT_TRANSPORT_SECURITY).cloned()
        }
        for path in ["/", "/nowhere"] {
            assert_eq!(
                told("https://tickets.example", path).await.expect("told"),
                "max-age=31536000"
            );
            assert_eq!(told("http://127.0.0.1:8080", path).await, None);
        }
    }

    #[tokio::test]
    async fn a_request_has_an_id_of_ours_whatever_its_caller_calls_it() {
        let router = stack(Router::new().route("/", get(async |RequestId(id): RequestId| id)));
        for given in ["mine", "0199a000-0000-7000-8000-000000000000"] {
            let request = Request::builder()
                .uri("/")
                .header(REQUEST_ID, given)
                .body(Body::empty())
                .expect("a request");
            let answer = router.clone().oneshot(request).await.expect("infallible");
            let told = answer.headers()[REQUEST_ID].to_str().expect("text").to_owned();
            assert!(told != given && told.parse::<uuid::Uuid>().is_ok(), "{told}");
            let seen = axum::body::to_bytes(answer.into_body(), 100).await.expect("a body");
            assert_eq!(seen, told.as_bytes(), "the handler knows the same");
        }
    }
}
