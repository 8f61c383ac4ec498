//! What a test needs of the real servers: a database, a key prefix and topics of its own, so that
//! tests run side by side.

use std::{collections::HashMap, sync::OnceLock};

use kit::{
    kafka::Kafka,
    redis::Redis,
    settings::{Env, ProcessEnv},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};

/// A test's own part of the servers named by `FAIRGATE_DATABASE_URL`, `FAIRGATE_REDIS_URL` and
/// `FAIRGATE_KAFKA_BROKERS`.
#[derive(Clone)]
pub struct TestEnv {
    pub pool: PgPool,
    pub database_url: String,
    pub redis: Redis,
    pub redis_url: String,
    pub kafka: Kafka,
    pub kafka_brokers: String,
    /// Prefix of this test's keys, topics and groups.
    pub namespace: String,
}

fn server(key: &str) -> String {
    ProcessEnv.get(key).unwrap_or_else(|| {
        panic!(
            "{key} is not set; run ops/test, or `ops/stack test up && eval \"$(ops/stack test \
            env)\"` first"
        )
    })
}

impl TestEnv {
    /// A fresh database with every crate's tables, and a namespace nobody else uses.
    ///
    /// # Panics
    /// When a server is away: a test without its servers has nothing to say.
    pub async fn new() -> Self {
        let (base, redis_url, kafka_brokers) = (
            server("FAIRGATE_DATABASE_URL"),
            server("FAIRGATE_REDIS_URL"),
            server("FAIRGATE_KAFKA_BROKERS"),
        );
        let namespace = format!("t{}_", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let database_url =
            fresh_database(&base, &namespace).await.expect("a database for the test");
        Self {
            pool: kit::postgres::pool(&database_url, 16).expect("pool"),
            redis: Redis::connect(&redis_url, &namespace).expect("redis"),
            kafka: Kafka::new(&kafka_brokers, &namespace, 1),
            database_url,
            redis_url,
            kafka_brokers,
            namespace,
        }
    }

    /// The same servers, with topics of their own: what happens in one environment is not told in
    /// the other.
    pub fn with_other_topics(&self, name: &str) -> Self {
        let kafka = Kafka::new(&self.kafka_brokers, &format!("{}{name}_", self.namespace), 1);
        Self { kafka, ..self.clone() }
    }

    /// Settings that point at this environment, to be added to.
    pub fn settings(&self) -> HashMap<String, String> {
        [
            ("FAIRGATE_DATABASE_URL", &self.database_url),
            ("FAIRGATE_REDIS_URL", &self.redis_url),
            ("FAIRGATE_KAFKA_BROKERS", &self.kafka_brokers),
            ("FAIRGATE_NAMESPACE", &self.namespace),
        ]
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .into()
    }
}

/// A copy of the template database, which is filled once per state of the migrations.
async fn fresh_database(base: &str, name: &str) -> anyhow::Result<String> {
    static ONE_AT_A_TIME: OnceLock<tokio::sync::Mutex<()>> = OnceLock::new();
    let _turn = ONE_AT_A_TIME.get_or_init(Default::default).lock().await;
    let template = format!("template_{}", migrations::fingerprint());
    let mut admin = PgConnection::connect(base).await?;
    // Other test binaries may be at it too, and CREATE DATABASE refuses a template that is in use.
    sqlx::query("SELECT pg_advisory_lock(7265)").execute(&mut admin).await?;
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(&template)
            .fetch_one(&mut admin)
            .await?;
    if !exists {
        let unready = format!("{template}_unready");
        for statement in
            [format!("DROP DATABASE IF EXISTS {unready}"), format!("CREATE DATABASE {unready}")]
        {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await?;
        }
        let pool = PgPool::connect(&beside(base, &unready)?).await?;
        migrations::run(&pool).await?;
        pool.close().await;
        sqlx::query(AssertSqlSafe(format!("ALTER DATABASE {unready} RENAME TO {template}")))
            .execute(&mut admin)
            .await?;
    }
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {template}")))
        .execute(&mut admin)
        .await?;
    admin.close().await?;
    beside(base, name)
}

fn beside(base: &str, database: &str) -> anyhow::Result<String> {
    let mut url = url::Url::parse(base)?;
    url.set_path(database);
    Ok(url.to_string())
}
