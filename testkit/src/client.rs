//! Whoever calls: a program, or a browser with its cookies.

use std::collections::BTreeMap;

use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, Uri, header},
};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use serde_json::Value;
use tower::ServiceExt;

use crate::Reply;

/// Calls a router without a socket, or a server at its address.
pub struct Client {
    to: Target,
    is_browser: bool,
    /// The cookies of a browser at a router; at a server, the connection keeps them.
    jar: Option<Mutex<BTreeMap<String, String>>>,
}

enum Target {
    Router(Router),
    Server { http: reqwest::Client, base: String },
}

impl Client {
    /// A program that calls this router.
    pub fn of(router: &Router) -> Self {
        Self { to: Target::Router(router.clone()), is_browser: false, jar: None }
    }

    /// A program that calls the server at `base`, for example `http://127.0.0.1:8080`.
    pub fn at(base: &str) -> Self {
        let to = Target::Server { http: connection(false), base: base.to_owned() };
        Self { to, is_browser: false, jar: None }
    }

    /// The same as a browser: it asks for pages and keeps cookies. It follows no redirect.
    pub fn browser(self) -> Self {
        let (to, jar) = match self.to {
            Target::Server { base, .. } => (Target::Server { http: connection(true), base }, None),
            router @ Target::Router(_) => (router, Some(Mutex::default())),
        };
        Self { to, is_browser: true, jar }
    }

    /// A browser with the same cookies at another router.
    pub fn browser_at(&self, router: &Router) -> Self {
        let jar = self.jar().map(|jar| jar.clone()).unwrap_or_default();
        let to = Target::Router(router.clone());
        Self { to, is_browser: true, jar: Some(Mutex::new(jar)) }
    }

    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    pub fn put(&self, path: &str) -> Call<'_> {
        self.call(Method::PUT, path)
    }

    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    pub fn call(&self, method: Method, path: &str) -> Call<'_> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = uri(path);
        let call = Call { client: self, request };
        if self.is_browser { call.header("accept", "text/html") } else { call }
    }

    /// The text of a page that is there.
    pub async fn read(&self, path: &str) -> String {
        self.get(path).send().await.ok(200).text
    }

    /// Sends a form as somebody who has the page at `page` before them: with its CSRF token.
    pub async fn submit(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let csrf = self.get(page).send().await.hidden("csrf");
        let fields = [fields, &[("csrf", csrf.as_str())]].concat();
        self.post(path).form(&fields).send().await
    }

    /// The value of a cookie in the jar.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar()?.get(name).cloned()
    }

    /// Puts a cookie into the jar, or takes it out.
    pub fn set_cookie(&self, name: &str, value: Option<&str>) {
        let mut jar = self.jar().expect("a browser");
        match value {
            Some(value) => drop(jar.insert(name.to_owned(), value.to_owned())),
            None => drop(jar.remove(name)),
        }
    }

    fn jar(&self) -> Option<parking_lot::MutexGuard<'_, BTreeMap<String, String>>> {
        Some(self.jar.as_ref()?.lock())
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        match &self.to {
            Target::Router(router) => {
                let answer = router.clone().oneshot(request).await.expect("infallible");
                let (parts, body) = answer.into_parts();
                // A stream does not end.
                let is_stream = parts
                    .headers
                    .get(header::CONTENT_TYPE)
                    .is_some_and(|kind| kind == "text/event-stream");
                if is_stream {
                    return Reply::new(parts.status, parts.headers, &[]);
                }
                let bytes = body.collect().await.expect("a body").to_bytes();
                Reply::new(parts.status, parts.headers, &bytes)
            }
            Target::Server { http, base } => {
                let (parts, body) = request.into_parts();
                let bytes = body.collect().await.expect("a body").to_bytes();
                let path = parts.uri.to_string();
                let url = if path.starts_with('/') { format!("{base}{path}") } else { path };
                let call = http.request(parts.method, url).headers(parts.headers).body(bytes);
                let answer = call.send().await.expect("an answer");
                let (status, headers) = (answer.status(), answer.headers().clone());
                Reply::new(status, headers, &answer.bytes().await.expect("a body"))
            }
        }
    }
}

/// The path as browsers send it, with what an address cannot have encoded.
fn uri(path: &str) -> Uri {
    path.parse().unwrap_or_else(|_| {
        let base = url::Url::parse("http://localhost").expect("an address");
        let joined = base.join(path).expect("a path");
        joined[url::Position::BeforePath..].parse().expect("a path")
    })
}

fn connection(keeps_cookies: bool) -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().cookie_store(keeps_cookies);
    builder.redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

/// A call that is being put together; [`Call::send`] makes it.
pub struct Call<'a> {
    client: &'a Client,
    request: Request<Body>,
}

impl Call<'_> {
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.request.headers_mut().insert(HeaderName::from_static(name), value);
        self
    }

    /// Shows a token; none where it is empty.
    pub fn bearer(self, token: &str) -> Self {
        if token.is_empty() {
            self
        } else {
            self.header("authorization", &format!("Bearer {token}"))
        }
    }

    /// Gives the key that makes a repeated call one call; none where it is empty.
    pub fn idempotency_key(self, key: &str) -> Self {
        if key.is_empty() { self } else { self.header("idempotency-key", key) }
    }

    /// What a layer in front of the router would have found out about the caller.
    pub fn extension<T: Clone + Send + Sync + 'static>(mut self, known: T) -> Self {
        self.request.extensions_mut().insert(known);
        self
    }

    pub fn json(mut self, body: &Value) -> Self {
        *self.request.body_mut() = Body::from(body.to_string());
        self.header("content-type", "application/json")
    }

    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        *self.request.body_mut() = Body::from(form.extend_pairs(fields).finish());
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// A body of another kind, or none at all.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    /// # Panics
    /// When nobody answers.
    pub async fn send(mut self) -> Reply {
        if let Some(jar) = self.client.jar().filter(|jar| !jar.is_empty()) {
            let pairs: Vec<String> =
                jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            drop(jar);
            self = self.header("cookie", &pairs.join("; "));
        }
        let reply = self.client.send(self.request).await;
        if let Some(mut jar) = self.client.jar() {
            for set in reply.cookies() {
                let pair = set.split(';').next().unwrap_or_default();
                let (name, value) = pair.split_once('=').expect("a name and a value");
                if value.is_empty() {
                    jar.remove(name);
                } else {
                    jar.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        reply
    }
}
