//! What payments are told.

use kit::{public_url::PublicUrl, settings::Settings};
use standardwebhooks::Webhook;

#[derive(Clone)]
pub struct Config {
    /// Where the provider's API is.
    pub provider: PublicUrl,
    pub sandbox_api_key: String,
    /// Standard Webhooks secret, `whsec_…`.
    pub webhook_secret: String,
    /// Where browsers reach this system.
    pub public: PublicUrl,
}

impl Config {
    /// Reads `FAIRGATE_PAYMENT_URL`, `FAIRGATE_SANDBOX_API_KEY`, `FAIRGATE_PAYMENT_WEBHOOK_SECRET`
    /// and `FAIRGATE_PUBLIC_URL`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let public = PublicUrl::from_settings(settings);
        Self {
            provider: PublicUrl::of_part(settings, "FAIRGATE_PAYMENT_URL", &public),
            sandbox_api_key: settings
                .required("FAIRGATE_SANDBOX_API_KEY", "`fairgate keys` makes one"),
            webhook_secret: webhook_secret(settings),
            public,
        }
    }
}

/// `FAIRGATE_PAYMENT_WEBHOOK_SECRET`, checked.
pub fn webhook_secret(settings: &mut Settings) -> String {
    let key = "FAIRGATE_PAYMENT_WEBHOOK_SECRET";
    let secret = settings.required(key, "`fairgate keys` makes one");
    if !secret.is_empty() && (!secret.starts_with("whsec_") || Webhook::new(&secret).is_err()) {
        settings.mistake(format!("{key} must be whsec_ followed by base64"));
    }
    secret
}

/// A fresh webhook secret, for set-up.
pub fn generate_webhook_secret() -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()))
}
