//! What the console is told at start.

use kit::{limit::ClientAddress, settings::Settings};

/// Settings of the admin role.
#[derive(Clone)]
pub struct Config {
    /// Whether browsers come by https, so that cookies can be secure.
    pub https: bool,
    /// PASERK `k4.local` keys of checkout, which open the links to orders.
    pub checkout_keys: String,
    /// Whose address a request counts for.
    pub clients: ClientAddress,
}

impl Config {
    /// Reads `FAIRGATE_PUBLIC_URL`, `FAIRGATE_CHECKOUT_KEYS` and `FAIRGATE_TRUSTED_PROXIES`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        Self {
            https: settings.or("FAIRGATE_PUBLIC_URL", String::new()).starts_with("https://"),
            checkout_keys: settings
                .required("FAIRGATE_CHECKOUT_KEYS", "give one or two PASERK k4.local keys, the newest first"),
            clients: ClientAddress::from_settings(settings),
        }
    }
}
