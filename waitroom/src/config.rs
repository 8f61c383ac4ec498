//! Settings of the waiting room.

use std::time::Duration;

use kit::{public_url::PublicUrl, settings::Settings, token::SealRing};
use url::Url;

use crate::{place::link, turn_mail::keys::TurnMailKeys};

/// Binds place tickets to their purpose.
const PURPOSE: &str = "fairgate.place.v1";

pub struct Config {
    /// Seals place tickets.
    pub place_keys: Option<SealRing>,
    /// Seals links that take a place to another device, under the same keys.
    pub link_keys: Option<SealRing>,
    /// Seals the addresses of fans who want a mail near their turn, under the same keys.
    pub mail_keys: Option<TurnMailKeys>,
    /// Joins that may wait for the broker at once in this process; more are answered 503.
    pub join_queue_max: u32,
    /// How long a join may wait for the broker's acknowledgement, in milliseconds.
    pub join_ms_max: u32,
    /// How long the producer may wait to fill a batch, in milliseconds.
    pub join_linger_ms: u32,
    /// How often roots over the lanes that grew are published, at first.
    pub roots_every: Duration,
    /// After how long in which nobody waited a room goes to sleep.
    pub sleep_after: Duration,
    /// Where browsers reach the queue page.
    pub public: PublicUrl,
    /// Relays of drand, from which the rounds are fetched that draws wait for; none where somebody
    /// enters them.
    pub drand_urls: Vec<Url>,
}

impl Config {
    /// Reads `FAIRGATE_PLACE_KEYS` (PASERK `k4.local` keys, sealing one first),
    /// `FAIRGATE_JOIN_QUEUE_MAX`, `FAIRGATE_JOIN_MS_MAX`, `FAIRGATE_JOIN_LINGER_MS`,
    /// `FAIRGATE_ROOTS_EVERY_SECS`, `FAIRGATE_SLEEP_AFTER_SECS`, `FAIRGATE_PUBLIC_URL` and
    /// `FAIRGATE_DRAND_URLS`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let keys = settings.required("FAIRGATE_PLACE_KEYS", "run `fairgate keys` to make some");
        let place_keys = match SealRing::from_paserk(&keys, PURPOSE) {
            Ok(ring) => Some(ring),
            Err(mistake) => {
                if !keys.is_empty() {
                    settings.mistake(format!("FAIRGATE_PLACE_KEYS: {mistake}"));
                }
                None
            }
        };
        Self {
            place_keys,
            // A mistake in the keys was told above.
            link_keys: SealRing::from_paserk(&keys, link::PURPOSE).ok(),
            mail_keys: TurnMailKeys::from_paserk(&keys).ok(),
            join_queue_max: settings.or_within("FAIRGATE_JOIN_QUEUE_MAX", 50_000, 100..=1_000_000),
            join_ms_max: settings.or_within("FAIRGATE_JOIN_MS_MAX", 2500, 100..=10_000),
            join_linger_ms: settings.or_within("FAIRGATE_JOIN_LINGER_MS", 2, 0..=100),
            roots_every: Duration::from_secs(settings.or_within(
                "FAIRGATE_ROOTS_EVERY_SECS",
                10,
                1..=600,
            )),
            sleep_after: Duration::from_secs(settings.or_within(
                "FAIRGATE_SLEEP_AFTER_SECS",
                300,
                1..=86_400,
            )),
            public: PublicUrl::from_settings(settings),
            drand_urls: drand_urls(settings),
        }
    }
}

/// Where drand's rounds are fetched: addresses with commas between them.
fn drand_urls(settings: &mut Settings) -> Vec<Url> {
    const KEY: &str = "FAIRGATE_DRAND_URLS";
    let text = settings.or(KEY, String::new());
    let mut urls = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.parse::<Url>() {
            Ok(url) if is_relay(&url) => urls.push(url),
            _ => settings.mistake(format!(
                "{KEY}: {part:?} is no http or https address without a user, a query or a fragment"
            )),
        }
    }
    urls
}

fn is_relay(url: &Url) -> bool {
    let is_bare = url.username().is_empty() && url.password().is_none();
    let is_base = url.query().is_none() && url.fragment().is_none();
    matches!(url.scheme(), "http" | "https") && url.has_host() && is_bare && is_base
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(text: &str) -> (Vec<String>, bool) {
        let env: HashMap<String, String> =
            [("FAIRGATE_DRAND_URLS".to_owned(), text.to_owned())].into();
        let mut settings = Settings::new(&env);
        let urls = drand_urls(&mut settings).iter().map(Url::to_string).collect();
        (urls, settings.finish().is_ok())
    }

    #[test]
    fn relays_are_addresses_with_commas_between_them() {
        assert_eq!(read(""), (Vec::new(), true));
        let (urls, fits) = read("https://a.example, http://b.example:8080/drand/,");
        assert!(fits, "{urls:?}");
        assert_eq!(urls, ["https://a.example/", "http://b.example:8080/drand/"]);
        for mistake in ["a.example", "ftp://a.example", "http://u:p@a.example", "http://a/?b"] {
            assert!(!read(mistake).1, "{mistake}");
        }
    }
}
