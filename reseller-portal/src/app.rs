//! What every part of the portal stands on.

use std::{ops::Deref, sync::Arc};

use axum::extract::FromRef;
use identity::Identity;
use kit::{limit::ClientAddress, password::Queue, redis::Redis};
use sqlx::PgPool;

use crate::{account::members::Members, api_key::cache::Grants, config::Config};

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// The fields of [`App`].
pub struct Inner {
    pub config: Config,
    pub pool: PgPool,
    pub redis: Redis,
    pub(crate) grants: Grants,
    pub(crate) identity: Identity<Members>,
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

impl FromRef<App> for Identity<Members> {
    fn from_ref(app: &App) -> Self {
        app.identity.clone()
    }
}

impl App {
    /// Connects nothing yet: servers that are away are faults of the first use.
    pub fn new(config: Config, pool: PgPool, redis: Redis) -> Self {
        let identity = Identity::new(
            pool.clone(),
            redis.clone(),
            Queue::default(),
            config.public.clone(),
            config.session_secs,
        );
        Self(Arc::new(Inner { config, pool, redis, grants: Grants::default(), identity }))
    }
}
