//! Redis: one multiplexed connection that reconnects by itself, and keys under a namespace.

use std::time::Duration;

use anyhow::Context;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

use crate::problem::Problem;

/// A connection that can be cloned and shared, and the namespace of its keys.
#[derive(Clone)]
pub struct Redis {
    client: redis::Client,
    connection: ConnectionManager,
    namespace: String,
}

impl Redis {
    /// Opens the connection lazily: a Redis that is away is an error of the first command, not of
    /// the start.
    ///
    /// # Errors
    /// When `url` is not a Redis URL.
    pub fn connect(url: &str, namespace: &str) -> anyhow::Result<Self> {
        let client = redis::Client::open(url).context("FAIRGATE_REDIS_URL is not a Redis URL")?;
        Self::of(client, namespace)
    }

    /// The same Redis by a connection of its own.
    ///
    /// # Errors
    /// None that opening this one did not have.
    pub fn another(&self) -> anyhow::Result<Self> {
        Self::of(self.client.clone(), &self.namespace)
    }

    fn of(client: redis::Client, namespace: &str) -> anyhow::Result<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(2)))
            .set_number_of_retries(2)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500));
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config)?;
        Ok(Self { client, connection, namespace: namespace.to_owned() })
    }

    /// A handle for commands.
    pub fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    /// `<namespace>fg:<kind>:{<slot>}`: all keys of one slot live on one node of a Redis Cluster.
    pub fn key(&self, kind: &str, slot: &str) -> String {
        format!("{}fg:{kind}:{{{slot}}}", self.namespace)
    }

    pub async fn ping(&self) -> anyhow::Result<()> {
        let mut connection = self.connection();
        redis::cmd("PING").query_async::<()>(&mut connection).await?;
        Ok(())
    }
}

/// A Redis fault is always "again soon": what Redis holds can be rebuilt.
pub fn problem(error: &redis::RedisError) -> Problem {
    Problem::unavailable(error)
}
