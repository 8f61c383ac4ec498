//! What every part of notifications stands on.

use std::{ops::Deref, sync::Arc, time::Duration};

use anyhow::Context;
use lettre::{AsyncSmtpTransport, Tokio1Executor, message::Mailbox, transport::smtp::PoolConfig};
use sqlx::PgPool;
use tokio::sync::Notify;
use waitroom::contract::TurnMailKeys;

use crate::config::{self, Config};

/// Shared by all background tasks and requests; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// The fields of [`App`].
pub struct Inner {
    pub config: Config,
    pub pool: PgPool,
    pub(crate) from: Mailbox,
    pub(crate) turn_mail_keys: Arc<TurnMailKeys>,
    pub(crate) smtp: AsyncSmtpTransport<Tokio1Executor>,
    /// Rings when an email was added here.
    pub(crate) wake: Notify,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    /// Connects nothing yet: servers that are away are faults of the first use. Call it within a
    /// tokio runtime.
    ///
    /// # Errors
    /// Settings that were not checked.
    pub fn new(config: Config, pool: PgPool) -> anyhow::Result<Self> {
        let smtp = config::transport(&config.smtp_url)
            .map_err(|mistake| anyhow::anyhow!("FAIRGATE_SMTP_URL {mistake}"))?
            .timeout(Some(config::SMTP_STEP))
            .pool_config(
                PoolConfig::new()
                    .max_size(config::AT_ONCE as u32)
                    .idle_timeout(Duration::from_secs(30)),
            )
            .build();
        let from = config.from.clone().context("FAIRGATE_MAIL_FROM is missing")?;
        let turn_mail_keys =
            config.turn_mail_keys.clone().context("FAIRGATE_PLACE_KEYS is missing")?;
        let wake = Notify::new();
        Ok(Self(Arc::new(Inner { config, pool, from, turn_mail_keys, smtp, wake })))
    }
}
