//! What the sandbox is told, and what its handlers share.

use std::{sync::Arc, time::Duration};

use kit::{public_url::PublicUrl, settings::Settings};
use sqlx::PgPool;
use standardwebhooks::Webhook;
use tokio::sync::Notify;

const CONNECT: Duration = Duration::from_secs(1);
const TOTAL: Duration = Duration::from_secs(5);

/// What the sandbox is told.
#[derive(Clone)]
pub struct Config {
    /// Programs show it as a bearer token to make intents and refunds.
    pub api_key: String,
    /// Standard Webhooks secret, `whsec_…`.
    pub webhook_secret: String,
    /// Where webhooks go.
    pub webhook_url: String,
    /// Where browsers reach this provider.
    pub public: PublicUrl,
    /// The merchant's origin; payers are sent back nowhere else.
    pub merchant: PublicUrl,
}

impl Config {
    /// Reads `FAIRGATE_SANDBOX_API_KEY`, `FAIRGATE_PAYMENT_WEBHOOK_SECRET`,
    /// `FAIRGATE_SANDBOX_WEBHOOK_URL`, `FAIRGATE_SANDBOX_PUBLIC_URL` and `FAIRGATE_PUBLIC_URL`.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let merchant = PublicUrl::from_settings(settings);
        let webhook_url = settings
            .or("FAIRGATE_SANDBOX_WEBHOOK_URL", merchant.join("/v1/payments/webhooks/sandbox"));
        if webhook_url.parse::<PublicUrl>().is_err() {
            settings.mistake(
                "FAIRGATE_SANDBOX_WEBHOOK_URL must be an http or https address".to_owned(),
            );
        }
        Self {
            api_key: settings.required("FAIRGATE_SANDBOX_API_KEY", "`fairgate keys` makes one"),
            webhook_secret: crate::payment::config::webhook_secret(settings),
            webhook_url,
            public: PublicUrl::of_part(settings, "FAIRGATE_SANDBOX_PUBLIC_URL", &merchant),
            merchant,
        }
    }
}

/// The running provider; cheap to clone.
#[derive(Clone)]
pub struct State {
    pub(crate) config: Arc<Config>,
    pub(crate) pool: PgPool,
    pub(crate) client: reqwest::Client,
    pub(crate) signer: Arc<Webhook>,
    /// Rings when a webhook was queued here.
    pub(crate) wake: Arc<Notify>,
}

impl State {
    /// # Errors
    /// When the webhook secret is not of the form `whsec_<base64>`.
    pub fn new(config: Config, pool: PgPool) -> anyhow::Result<Self> {
        let signer = Webhook::new(&config.webhook_secret)?;
        let client = reqwest::Client::builder().connect_timeout(CONNECT).timeout(TOTAL).build()?;
        Ok(Self {
            config: Arc::new(config),
            pool,
            client,
            signer: Arc::new(signer),
            wake: Arc::default(),
        })
    }
}
