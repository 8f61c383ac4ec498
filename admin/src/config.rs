//! What the console is told at start.

use kit::{limit::ClientAddress, public_url::PublicUrl, settings::Settings};

/// Settings of the admin role.
#[derive(Clone)]
pub struct Config {
    /// Where browsers reach the console.
    pub public: PublicUrl,
    /// PASERK `k4.local` keys of checkout, which open the links to orders.
    pub checkout_keys: String,
    /// Whose address a request counts for.
    pub clients: ClientAddress,
}

impl Config {
    /// Reads `FAIRGATE_PUBLIC_URL`, `FAIRGATE_CHECKOUT_KEYS` and `FAIRGATE_TRUSTED_PROXIES`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        Self {
            public: PublicUrl::from_settings(settings),
            checkout_keys: settings.required(
                "FAIRGATE_CHECKOUT_KEYS",
                "give one or two PASERK k4.local keys, the newest first",
            ),
            clients: ClientAddress::from_settings(settings),
        }
    }
}
