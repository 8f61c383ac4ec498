//! What every part of the console stands on.

use std::{ops::Deref, sync::Arc};

use admission::contract::Gate;
use axum::extract::FromRef;
use checkout::contract::OrderLinks;
use identity::Identity;
use kit::{kafka::Kafka, limit::ClientAddress, password::Queue, redis::Redis};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    room::{live::Live, sales::RecentSales, sampler::Seen},
    staff::accounts::{SESSION_SECS, StaffAccounts},
};

/// Shared by all requests and background tasks; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// The fields of [`App`].
pub struct Inner {
    pub config: Config,
    pub pool: PgPool,
    pub redis: Redis,
    pub kafka: Kafka,
    pub gate: Gate,
    pub(crate) order_links: OrderLinks,
    pub identity: Identity<StaffAccounts>,
    pub passwords: Queue,
    pub(crate) seen: Seen,
    pub(crate) live: Live,
    pub(crate) sales: RecentSales,
    /// Cancelled when the server stops taking requests: streams end then.
    pub(crate) ending: CancellationToken,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl FromRef<App> for ClientAddress {
    fn from_ref(app: &App) -> Self {
        app.config.clients.clone()
    }
}

impl FromRef<App> for Identity<StaffAccounts> {
    fn from_ref(app: &App) -> Self {
        app.identity.clone()
    }
}

impl App {
    /// Connects nothing yet: servers that are away are faults of the first use.
    ///
    /// # Errors
    /// Keys that cannot be read.
    pub fn new(
        config: Config,
        pool: PgPool,
        redis: Redis,
        kafka: Kafka,
        gate: Gate,
    ) -> anyhow::Result<Self> {
        let order_links = OrderLinks::from_paserk(&config.checkout_keys)
            .map_err(|fault| anyhow::anyhow!("FAIRGATE_CHECKOUT_KEYS: {fault}"))?;
        let passwords = Queue::default();
        let identity = Identity::new(
            pool.clone(),
            redis.clone(),
            passwords.clone(),
            config.public.clone(),
            SESSION_SECS,
        );
        Ok(Self(Arc::new(Inner {
            config,
            pool,
            redis,
            kafka,
            gate,
            order_links,
            identity,
            passwords,
            seen: Seen::default(),
            live: Live::default(),
            sales: RecentSales::default(),
            ending: CancellationToken::new(),
        })))
    }
}
