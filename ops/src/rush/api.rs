//! The public interface as a fan's browser uses it: HTTP with keep-alive, time limits, and an
//! address of one's own.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Context, bail};
use kit::{public_url::PublicUrl, settings::ProcessEnv};
use reqwest::{Client, Method, StatusCode, Url, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep},
};

const CONNECT: Duration = Duration::from_secs(3);
/// Longer than the server lets a request run, so that its own word is heard.
pub const TOTAL: Duration = Duration::from_secs(20);
/// Requests under way at once, over all bots of this process: so many that fans who are let in
/// faster than checkout serves them stand before checkout, and not here.
const UNDER_WAY_MAX: usize = 2_048;
/// Open files beside a connection for each of those.
const FILES_BESIDE: u64 = 256;
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The system that bots run against: the one at `url`, or the one that the settings describe.
///
/// # Errors
/// As [`loopback`] does, and where the settings cannot be read.
pub fn target(url: Option<&str>) -> anyhow::Result<Url> {
    match url {
        Some(url) => loopback(url),
        None => loopback(&PublicUrl::from_env(&ProcessEnv)?.to_string()),
    }
}

/// Reads an address, which must be this machine's own: bots are never let loose on anybody else's
/// system.
fn loopback(url: &str) -> anyhow::Result<Url> {
    let parsed = Url::parse(url).with_context(|| format!("{url} is not a URL"))?;
    if is_loopback(&parsed) {
        return Ok(parsed);
    }
    bail!(
        "{url} is not this machine: bots run only against http addresses such as \
            http://127.0.0.1:8080"
    );
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let own = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    own && url.scheme() == "http"
}

/// One call.
pub struct Call<'a> {
    pub method: Method,
    /// A path, or a whole address that the server gave.
    pub to: &'a str,
    /// The caller's own address, for limits per client.
    pub from: Ipv4Addr,
    pub token: Option<&'a str>,
    pub key: Option<&'a str>,
    pub body: Option<Value>,
}

impl<'a> Call<'a> {
    pub fn get(to: &'a str, from: Ipv4Addr) -> Self {
        Self { method: Method::GET, to, from, token: None, key: None, body: None }
    }

    pub fn post(to: &'a str, from: Ipv4Addr) -> Self {
        Self { method: Method::POST, ..Self::get(to, from) }
    }

    pub fn delete(to: &'a str, from: Ipv4Addr) -> Self {
        Self { method: Method::DELETE, ..Self::get(to, from) }
    }

    pub fn token(self, token: &'a str) -> Self {
        Self { token: Some(token), ..self }
    }

    pub fn key(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }

    pub fn body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

/// A call that did not get what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The problem's id, or what happened to the connection.
    pub kind: String,
    /// Whether the same call may succeed in a moment.
    pub passes: bool,
    pub retry_after: Option<Duration>,
    /// What was said about the first field that did not fit.
    pub field_detail: String,
}

impl Fault {
    /// Whether the server may have done what was asked although its answer did not come.
    pub fn is_lost_answer(&self) -> bool {
        matches!(self.kind.as_str(), "timeout" | "broken-connection" | "internal")
            || self.kind.starts_with("http-5")
    }

    pub fn of(kind: &str, passes: bool) -> Self {
        Self { kind: kind.to_owned(), passes, retry_after: None, field_detail: String::new() }
    }

    fn of_transport(error: &reqwest::Error) -> Self {
        let kind = if error.is_timeout() {
            "timeout"
        } else if error.is_connect() {
            "no-connection"
        } else {
            "broken-connection"
        };
        Self::of(kind, true)
    }

    fn of_answer(status: StatusCode, retry_after_secs: Option<u64>, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body {
            r#type: String,
            #[serde(default)]
            errors: Vec<Field>,
        }
        #[derive(Deserialize)]
        struct Field {
            detail: String,
        }
        let body = serde_json::from_slice::<Body>(body).ok();
        let id = body.as_ref().and_then(|body| body.r#type.strip_prefix("urn:fairgate:problem:"));
        let kind = id.map_or_else(|| format!("http-{}", status.as_u16()), str::to_owned);
        let passes = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            || matches!(kind.as_str(), "request-in-progress" | "not-your-turn");
        let field_detail =
            body.and_then(|body| body.errors.into_iter().next()).map(|field| field.detail);
        Self {
            kind,
            passes,
            retry_after: retry_after_secs.map(Duration::from_secs),
            field_detail: field_detail.unwrap_or_default(),
        }
    }
}

/// An answer and how long it took.
pub struct Answer<T> {
    pub body: T,
    pub time: Duration,
}

/// A page, or where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub status: u16,
    pub location: Option<String>,
    pub body: String,
}

/// One pooled client for all bots, and one without a pool for browsers that keep nothing.
pub struct Api {
    client: Client,
    keeps_nothing: Client,
    base: Url,
    under_way: Semaphore,
}

impl Api {
    pub fn new(base: Url) -> anyhow::Result<Self> {
        let client = |kept| {
            Client::builder()
                .connect_timeout(CONNECT)
                .timeout(TOTAL)
                .pool_max_idle_per_host(kept)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .user_agent(concat!("fairgate-bots/", env!("CARGO_PKG_VERSION")))
                .build()
                .context("making an HTTP client")
        };
        // Where the limit cannot be raised, connections are refused and tried again.
        let files = rlimit::increase_nofile_limit(UNDER_WAY_MAX as u64 + FILES_BESIDE);
        tracing::debug!(?files, "open files");
        let under_way = Semaphore::new(UNDER_WAY_MAX);
        Ok(Self { client: client(UNDER_WAY_MAX)?, keeps_nothing: client(0)?, base, under_way })
    }

    fn url(&self, to: &str) -> Result<Url, Fault> {
        let url = self.base.join(to).map_err(|_| Fault::of("address-unreadable", false))?;
        if is_loopback(&url) { Ok(url) } else { Err(Fault::of("address-elsewhere", false)) }
    }

    /// Makes a call once, when it has its [turn](Self::turn). The time counts from when it was
    /// sent.
    pub async fn call<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Answer<T>, Fault> {
        let _permit = self.turn().await;
        self.send(call).await
    }

    /// Waits until one more request may be under way. Whoever measures a server leaves this wait
    /// out: it is the bots' own.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed, so this only waits.
        self.under_way.acquire().await.ok()
    }

    /// Sends a call that has its turn.
    pub async fn send<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<Answer<T>, Fault> {
        let url = self.url(call.to)?;
        let mut request = self
            .client
            .request(call.method.clone(), url)
            .header("x-forwarded-for", call.from.to_string());
        if let Some(token) = call.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = call.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let began = Instant::now();
        let response = request.send().await.map_err(|error| Fault::of_transport(&error))?;
        let status = response.status();
        let retry_after_secs = retry_after_secs(&response);
        let bytes = response.bytes().await.map_err(|error| Fault::of_transport(&error))?;
        let time = began.elapsed();
        if !status.is_success() {
            return Err(Fault::of_answer(status, retry_after_secs, &bytes));
        }
        let text: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        if text.len() > ANSWER_BYTES_MAX {
            return Err(Fault::of("answer-too-long", false));
        }
        let body =
            serde_json::from_slice(text).map_err(|_| Fault::of("answer-unreadable", false))?;
        Ok(Answer { body, time })
    }

    /// Asks for a page that has its turn once, as a browser that keeps neither cookies nor
    /// connections.
    pub async fn page(&self, call: &Call<'_>) -> Result<Page, Fault> {
        let mut request = self
            .keeps_nothing
            .request(call.method.clone(), self.url(call.to)?)
            .header("x-forwarded-for", call.from.to_string())
            .header(header::ACCEPT, "text/html");
        if call.method == Method::POST {
            request = request.form::<[(&str, &str); 0]>(&[]);
        }
        let response = request.send().await.map_err(|error| Fault::of_transport(&error))?;
        let (status, retry_after_secs) = (response.status(), retry_after_secs(&response));
        let location = response.headers().get(header::LOCATION);
        let location = location.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.text().await.map_err(|error| Fault::of_transport(&error))?;
        if status.is_client_error() || status.is_server_error() {
            return Err(Fault::of_answer(status, retry_after_secs, body.as_bytes()));
        }
        Ok(Page { status: status.as_u16(), location, body })
    }

    /// Waits until the system answers. Whether it knows its lines is seen by the sale that is made.
    pub async fn await_up(&self, limit: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + limit;
        loop {
            let url = self.base.join("/healthz")?;
            let answer = self.client.get(url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() >= end {
                bail!(
                    "nothing at {} answers; start it with ops/up, or name another with --url",
                    self.base
                );
            }
            sleep(Duration::from_millis(300)).await;
        }
    }
}

fn retry_after_secs(response: &reqwest::Response) -> Option<u64> {
    response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bots_stay_on_this_machine() {
        for own in [
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:8080/",
            "http://127.9.9.9/",
        ] {
            assert!(loopback(own).is_ok(), "{own}");
        }
        for foreign in [
            "http://192.0.2.1/",
            "https://tickets.example",
            "http://127.0.0.1.example/",
            "file:///",
            "x",
        ] {
            assert!(loopback(foreign).is_err(), "{foreign}");
        }
    }

    #[test]
    fn a_problem_is_known_by_its_id_and_others_by_their_status() {
        let body = br#"{"type":"urn:fairgate:problem:not-enough-left","errors":[{"field":"items","detail":"2 left"}]}"#;
        let fault = Fault::of_answer(StatusCode::CONFLICT, None, body);
        assert_eq!(
            (fault.kind.as_str(), fault.passes, fault.field_detail.as_str()),
            ("not-enough-left", false, "2 left")
        );
        let fault = Fault::of_answer(StatusCode::BAD_GATEWAY, Some(3), b"<html>");
        assert_eq!(
            (fault.kind.as_str(), fault.passes, fault.retry_after),
            ("http-502", true, Some(Duration::from_secs(3)))
        );
    }
}
