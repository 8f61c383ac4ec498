//! What the portal is told at start.

use kit::{limit::ClientAddress, public_url::PublicUrl, settings::Settings};

/// Settings of the portal role.
#[derive(Clone)]
pub struct Config {
    /// Where browsers reach the portal.
    pub public: PublicUrl,
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
        Self {
            public: PublicUrl::from_settings(settings),
            clients: ClientAddress::from_settings(settings),
            session_secs: settings.or_within(
                "FAIRGATE_PORTAL_SESSION_SECS",
                12 * 3600,
                60..=7 * 86_400,
            ),
            answer_wait: std::time::Duration::from_secs(2),
        }
    }
}
