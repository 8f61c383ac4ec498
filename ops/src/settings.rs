//! Where the servers are.

use kit::{
    kafka::Kafka,
    redis::Redis,
    settings::{Env, ProcessEnv, Settings},
};
use sqlx::PgPool;

const STEADY_CONNECTIONS_MAX: u32 = 8;

/// The three servers, as every command needs them.
#[derive(Clone)]
pub struct Stores {
    pub pool: PgPool,
    /// A small pool for what runs all the time, so that a crowd of requests never keeps it waiting.
    pub steady: PgPool,
    pub redis: Redis,
    pub kafka: Kafka,
}

impl Stores {
    /// Reads `FAIRGATE_DATABASE_URL`, `FAIRGATE_REDIS_URL`, `FAIRGATE_KAFKA_BROKERS`,
    /// `FAIRGATE_NAMESPACE` and the pool's and topics' sizes. Nothing is connected yet.
    pub fn from_settings(settings: &mut Settings) -> Option<Self> {
        let hint = "`ops/up` starts one and sets it, or name your own";
        let database_url = settings.required("FAIRGATE_DATABASE_URL", hint);
        let redis_url = settings.required("FAIRGATE_REDIS_URL", hint);
        let brokers = settings.required("FAIRGATE_KAFKA_BROKERS", hint);
        let namespace = settings.or("FAIRGATE_NAMESPACE", String::new());
        let connections_max = settings.or_within("FAIRGATE_DATABASE_CONNECTIONS_MAX", 24, 2..=500);
        let replication = settings.or_within("FAIRGATE_KAFKA_REPLICATION", 1, 1..=9);
        if database_url.is_empty() || redis_url.is_empty() || brokers.is_empty() {
            return None;
        }
        let pool = kit::postgres::pool(&database_url, connections_max)
            .map_err(|error| settings.mistake(format!("FAIRGATE_DATABASE_URL: {error}")));
        let steady = kit::postgres::pool(&database_url, STEADY_CONNECTIONS_MAX);
        let redis = Redis::connect(&redis_url, &namespace)
            .map_err(|error| settings.mistake(format!("FAIRGATE_REDIS_URL: {error:#}")));
        Some(Self {
            pool: pool.ok()?,
            steady: steady.ok()?,
            redis: redis.ok()?,
            kafka: Kafka::new(&brokers, &namespace, replication),
        })
    }

    /// The same servers by two of three of these connections, for what must not wait for a crowd,
    /// and by the third, for the crowd. Nothing is connected yet: a connection belongs to the
    /// threads that need it first.
    ///
    /// # Errors
    /// None that opening these did not have.
    pub fn split(&self) -> anyhow::Result<(Self, Self)> {
        let most = self.pool.options().get_max_connections();
        let rest = (most / 3).max(1);
        let with = |pool, steady| {
            anyhow::Ok(Self {
                pool: kit::postgres::another(&self.pool, pool),
                steady: kit::postgres::another(&self.steady, steady),
                redis: self.redis.another()?,
                kafka: self.kafka.clone(),
            })
        };
        let apart = with(most.saturating_sub(rest).max(1), STEADY_CONNECTIONS_MAX)?;
        Ok((apart, with(rest, STEADY_CONNECTIONS_MAX / 2)?))
    }

    /// The same from the process environment, for the tools.
    pub fn from_env() -> anyhow::Result<Self> {
        Self::from(&ProcessEnv)
    }

    pub fn from(env: &dyn Env) -> anyhow::Result<Self> {
        let mut settings = Settings::new(env);
        let stores = Self::from_settings(&mut settings);
        settings.finish()?;
        stores.ok_or_else(|| anyhow::anyhow!("the servers are not named"))
    }
}
