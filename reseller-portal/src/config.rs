//! What the portal is told at start.

use kit::{limit::ClientAddress, settings::Settings};

/// Settings of the portal role.
#[derive(Clone)]
pub struct Config {
    /// Whether browsers reach us by https; marks cookies secure.
    pub https: bool,
    /// Whose address a request counts for.
    pub clients: ClientAddress,
    /// How long somebody stays signed in.
    pub session_secs: i64,
    /// How long the page waits for checkout's answer to a changed allotment.
    pub answer_wait: std::time::Duration,
}

impl Config {
    /// Reads the `FAIRGATE_…` settings of the portal.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let https =
            settings.optional::<String>("FAIRGATE_PUBLIC_URL").is_some_and(|url| url.trim().starts_with("https://"));
        Self {
            https,
            clients: ClientAddress::from_settings(settings),
            session_secs: settings.or_within("FAIRGATE_PORTAL_SESSION_SECS", 12 * 3600, 60..=7 * 86_400),
            answer_wait: std::time::Duration::from_secs(2),
        }
    }
}
