//! What every part of checkout stands on.

use std::{
    ops::Deref,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use admission::contract::{Gate, PassVerifier, SignalBoard};
use anyhow::Context;
use kit::{kafka::Kafka, redis::Redis, token::SealRing};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    config::Config,
    order::{command_log::CommandLog, link::OrderLinks, waiters::Waiters},
    session::signal::{calls::Calls, stock_words::StockWords, writer_clock::WriterClock},
    session::{activity::Activity, cap_cache::CapCache, seller::ShowSellers},
    stock::{offer::OfferCache, rebuild::Rebuilds, show_stock::ShowStocks},
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
    pub verifier: PassVerifier,
    /// For calls to payment providers; has a timeout.
    pub http: reqwest::Client,
    pub(crate) session_seal: SealRing,
    pub(crate) hold_seal: SealRing,
    /// For links to orders.
    pub(crate) order_links: OrderLinks,
    pub(crate) command_log: CommandLog,
    pub(crate) waiters: Waiters,
    pub(crate) show_stocks: ShowStocks,
    pub(crate) cap_cache: CapCache,
    pub(crate) show_sellers: ShowSellers,
    pub(crate) offer_cache: OfferCache,
    pub(crate) rebuilds: Rebuilds,
    /// What this process is called among those of checkout.
    pub(crate) process: Uuid,
    /// How the calls of this process go.
    pub(crate) calls: Calls,
    pub(crate) writer_clock: WriterClock,
    /// What the catalog is told of stock.
    pub(crate) stock_words: StockWords,
    /// Where that is told to the line.
    pub(crate) signals: SignalBoard,
    /// Whether this process says what it does.
    pub(crate) tells: AtomicBool,
    pub(crate) activity: Activity,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    /// Connects nothing yet: servers that are away are faults of the first use.
    ///
    /// # Errors
    /// Keys that cannot be read, or a Kafka setting that librdkafka refuses.
    pub fn new(
        config: Config,
        pool: PgPool,
        redis: Redis,
        kafka: Kafka,
        gate: Gate,
        verifier: PassVerifier,
    ) -> anyhow::Result<Self> {
        let seal = |purpose| {
            SealRing::from_paserk(&config.keys, purpose)
                .map_err(|fault| anyhow::anyhow!("FAIRGATE_CHECKOUT_KEYS: {fault}"))
        };
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(5))
            .build()
            .context("making an HTTP client")?;
        Ok(Self(Arc::new(Inner {
            session_seal: seal("fairgate.session.v1")?,
            hold_seal: seal("fairgate.hold.v1")?,
            order_links: OrderLinks::from_paserk(&config.keys)
                .map_err(|fault| anyhow::anyhow!("FAIRGATE_CHECKOUT_KEYS: {fault}"))?,
            command_log: CommandLog::new(&kafka, &config)?,
            waiters: Waiters::default(),
            show_stocks: ShowStocks::default(),
            cap_cache: CapCache::default(),
            show_sellers: ShowSellers::default(),
            offer_cache: OfferCache::default(),
            rebuilds: Rebuilds::new(&pool),
            process: Uuid::new_v4(),
            calls: Calls::default(),
            writer_clock: WriterClock::default(),
            stock_words: StockWords::default(),
            signals: SignalBoard::new(redis.clone()),
            tells: AtomicBool::new(false),
            activity: Activity::default(),
            config,
            pool,
            redis,
            kafka,
            gate,
            verifier,
            http,
        })))
    }

    /// What this instance waits for before it can serve.
    pub fn missing(&self) -> Option<&'static str> {
        (!self.command_log.is_ready()).then_some("a producer for orders")
    }
}
