//! What checkout answers a fan, and for how long it holds. Pure.

use std::time::Duration;

use checkout::contract::OrderId;
use chrono::{DateTime, Utc};
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use super::api::Fault;

/// Clocks and answers differ by so much.
pub const ABOUT_NOW: chrono::Duration = chrono::Duration::seconds(2);
const SANDBOX_PAGE: &str = "/sandbox/pay/";

#[derive(Debug, Deserialize)]
pub struct Session {
    pub session_token: String,
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
pub struct Hold {
    // The sealed token, not the id.
    pub hold: String,
    pub expires_at: DateTime<Utc>,
    pub items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
pub struct Item {
    pub quantity: i64,
}

impl Hold {
    pub fn tickets(&self) -> i64 {
        self.items.iter().map(|item| item.quantity).sum()
    }
}

#[derive(Debug, Deserialize)]
pub struct Order {
    pub order: OrderId,
    pub state: String,
    /// Not known of an order that is not written yet.
    pub expires_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub payment: Option<Payment>,
    #[serde(default)]
    pub tickets: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub struct Payment {
    #[serde(default)]
    pub url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Confirmed {
    pub state: String,
}

/// Until when something is the fan's, and how much of that the fan itself takes.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub expires_at: DateTime<Utc>,
    /// How long it was to last when the fan got it.
    lasts: chrono::Duration,
    /// How long the fan had been thinking by then, in all.
    thought: Duration,
}

impl Deadline {
    /// Of something that was got at `now`, by a fan who had thought for so long by then.
    pub fn of(expires_at: DateTime<Utc>, now: DateTime<Utc>, thought: Duration) -> Self {
        Self { expires_at, lasts: expires_at - now, thought }
    }

    /// Whether it is over, about, because the fan took its time: where a server took most of it,
    /// the fan was not slow.
    pub fn is_taken_by_fan(&self, now: DateTime<Utc>, thought: Duration) -> bool {
        let own = chrono::Duration::from_std(thought.saturating_sub(self.thought));
        let own = own.unwrap_or(chrono::Duration::MAX);
        self.expires_at <= now + ABOUT_NOW && own >= self.lasts / 2
    }
}

/// An order and where it is paid.
pub struct Payable {
    pub order: OrderId,
    pub expires_at: DateTime<Utc>,
    pub confirm: String,
}

impl Payable {
    /// The sandbox provider's call behind its page at `url`.
    pub fn of(order: OrderId, expires_at: DateTime<Utc>, url: &str) -> Result<Self, Fault> {
        confirm_url(url)
            .map(|confirm| Self { order, expires_at, confirm })
            .ok_or_else(|| Fault::of("payment-not-by-the-sandbox", false))
    }
}

/// The sandbox provider's call that pays, behind the page where people would.
pub fn confirm_url(page: &str) -> Option<String> {
    let mut url = Url::parse(page).ok()?;
    let intent = url.path().strip_prefix(SANDBOX_PAGE)?.to_owned();
    url.set_path(&format!("/sandbox/v1/intents/{intent}/confirm"));
    url.set_query(None);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_that_pays_lies_behind_the_page() {
        let found = confirm_url("http://127.0.0.1:8080/sandbox/pay/pi_1?x=y");
        assert_eq!(found.as_deref(), Some("http://127.0.0.1:8080/sandbox/v1/intents/pi_1/confirm"));
        assert_eq!(confirm_url("http://127.0.0.1:8080/elsewhere/pi_1"), None);
    }

    #[test]
    fn a_time_that_a_slow_server_took_is_not_the_fans_own() {
        let (got, secs) = (Utc::now(), Duration::from_secs);
        let hold = Deadline::of(got + secs(12), got, secs(5));
        let over = |after, thought: u64| hold.is_taken_by_fan(got + secs(after), secs(5 + thought));
        assert!(over(12, 6) && over(10, 12), "the fan looked for that long");
        assert!(!over(12, 1), "all but a second was the server's");
        assert!(!over(8, 8), "it is not over");
    }
}
