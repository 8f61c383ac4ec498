//! The bench's own part of the servers: a database beside the named one, and a namespace of
//! topics and keys. Both are removed at the end; a bench that is killed leaves a database `bench…`
//! behind.

use std::collections::HashMap;

use anyhow::{Context, bail};
use kit::settings::{Env, ProcessEnv};
// Named by its whole path: a crate of ours is called admin too.
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::{ClientConfig, client::DefaultClientContext};
use reqwest::Url;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::{keys, settings::Stores};

const DATABASE: &str = "FAIRGATE_DATABASE_URL";
const REDIS: &str = "FAIRGATE_REDIS_URL";
const BROKERS: &str = "FAIRGATE_KAFKA_BROKERS";
/// Far above what one machine can send, so that no limit bites; they are still counted as always.
const LIMIT_MAX: &str = "1000000";

pub struct BenchEnv {
    pub stores: Stores,
    /// Settings of a server here.
    pub settings: HashMap<String, String>,
    name: String,
    base_url: String,
}

impl BenchEnv {
    /// # Errors
    /// Servers that are away or not this machine's own.
    pub async fn open() -> anyhow::Result<Self> {
        let named = |key: &str| {
            ProcessEnv.get(key).with_context(|| {
                format!(
                    "{key} is missing; `ops/stack dev up` starts one, `ops/stack dev env` names it"
                )
            })
        };
        let (base_url, redis, brokers) = (named(DATABASE)?, named(REDIS)?, named(BROKERS)?);
        for (key, address) in
            [(DATABASE, &base_url), (REDIS, &redis), (BROKERS, &format!("kafka://{brokers}"))]
        {
            ensure_loopback(key, address)?;
        }
        let name = format!("bench{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let mut url = Url::parse(&base_url)?;
        url.set_path(&name);
        let mut env: HashMap<String, String> =
            keys::fresh()?.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        env.extend(
            [(DATABASE, url.to_string()), (REDIS, redis), (BROKERS, brokers)]
                .map(|(k, v)| (k.to_owned(), v)),
        );
        env.insert("FAIRGATE_NAMESPACE".to_owned(), format!("{name}_"));
        for limit in ["JOIN", "HEAD", "WAIT", "BUY", "READ"] {
            for part in ["PER_SEC", "BURST"] {
                env.insert(format!("FAIRGATE_LIMIT_{limit}_{part}"), LIMIT_MAX.to_owned());
            }
        }
        let mut admin =
            PgConnection::connect(&base_url).await.context("connecting to PostgreSQL")?;
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut admin).await?;
        admin.close().await?;
        let made = Self { stores: Stores::from(&env)?, settings: env, name, base_url };
        match migrations::run(&made.stores.pool).await {
            Ok(()) => Ok(made),
            Err(error) => {
                made.close().await?;
                Err(error)
            }
        }
    }

    pub fn namespace(&self) -> String {
        format!("{}_", self.name)
    }

    pub fn redis_url(&self) -> &str {
        self.settings.get(REDIS).map_or("", String::as_str)
    }

    pub fn database_url(&self) -> &str {
        self.settings.get(DATABASE).map_or("", String::as_str)
    }

    /// Removes all of it.
    pub async fn close(self) -> anyhow::Result<()> {
        self.stores.pool.close().await;
        self.stores.steady.close().await;
        let database = self.drop_database().await;
        let keys = self.forget_keys().await;
        let topics = self.delete_topics().await;
        database
            .and(keys)
            .and(topics)
            .with_context(|| format!("removing what is left of {}", self.name))
    }

    async fn drop_database(&self) -> anyhow::Result<()> {
        let mut admin = PgConnection::connect(&self.base_url).await?;
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await?;
        Ok(admin.close().await?)
    }

    async fn forget_keys(&self) -> anyhow::Result<()> {
        let mut connection = self.stores.redis.connection();
        let mut cursor = 0u64;
        loop {
            let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(format!("{}*", self.namespace()))
                .arg("COUNT")
                .arg(1000)
                .query_async(&mut connection)
                .await?;
            if !keys.is_empty() {
                redis::cmd("UNLINK").arg(keys).query_async::<()>(&mut connection).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn delete_topics(&self) -> anyhow::Result<()> {
        let brokers = self.settings.get(BROKERS).cloned().unwrap_or_default();
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .create()
            .context("making a Kafka client")?;
        let prefix = self.namespace();
        let limit = std::time::Duration::from_secs(10);
        let (admin, topics) = tokio::task::spawn_blocking(move || {
            let metadata = admin.inner().fetch_metadata(None, limit)?;
            let names = metadata.topics().iter().map(|topic| topic.name().to_owned());
            let ours: Vec<String> = names.filter(|name| name.starts_with(&prefix)).collect();
            anyhow::Ok((admin, ours))
        })
        .await??;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        admin.delete_topics(&names, &AdminOptions::new().request_timeout(Some(limit))).await?;
        Ok(())
    }
}

/// A bench takes all that a machine has, so it is never let loose on anybody else's.
fn ensure_loopback(key: &str, address: &str) -> anyhow::Result<()> {
    let url = Url::parse(address).with_context(|| format!("{key} cannot be read"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    {
        return Ok(());
    }
    bail!("{key} does not name this machine; a bench runs against servers on 127.0.0.1 only");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_stays_on_this_machine() {
        assert!(ensure_loopback("x", "postgres://fairgate@127.0.0.1:5432/fairgate").is_ok());
        assert!(ensure_loopback("x", "kafka://localhost:9092").is_ok());
        assert!(ensure_loopback("x", "redis://192.0.2.1/").is_err());
        assert!(ensure_loopback("x", "redis://tickets.example/").is_err());
    }
}
