//! What checkout is told at start.

use std::time::Duration;

use kit::settings::Settings;

/// Settings of the checkout and writer roles.
#[derive(Clone)]
pub struct Config {
    /// PASERK `k4.local` keys that seal session and hold tokens, the sealing one first.
    pub keys: String,
    pub session_ttl: Duration,
    /// A session that holds nothing, ordered nothing and makes no call for so long is over.
    pub session_idle: Duration,
    pub hold_ttl: Duration,
    /// How long a placed order waits for its payment.
    pub order_ttl: Duration,
    /// How much later an unpaid order is really given up, so that a payment made in the last second
    /// still counts.
    pub order_grace: Duration,
    /// Partitions of `orders.commands`; the same for all roles.
    pub commands_partitions: i32,
    /// Commands a producer may hold before it answers 503.
    pub commands_queue_max: u32,
    /// Records the writer takes into one transaction at most.
    pub writer_batch_max: usize,
    /// How long the writer waits for a batch to fill. While it writes one the next fills by itself.
    pub writer_linger: Duration,
    /// How long `POST /v1/orders` waits for the writer before it answers 202.
    pub outcome_wait: Duration,
    /// How long after it was submitted in Redis an order counts as lost if nothing was heard of it.
    pub placing_deadline: Duration,
    pub payment: crate::payment::config::Config,
}

impl Config {
    /// Reads the `FAIRGATE_…` settings of checkout.
    pub fn from_settings(settings: &mut Settings) -> Self {
        let keys = settings.required(
            "FAIRGATE_CHECKOUT_KEYS",
            "give one or two PASERK k4.local keys, the newest first",
        );
        let mut secs = |key: &str, default: u64, max: u64| {
            Duration::from_secs(settings.or_within(key, default, 0..=max))
        };
        let session_ttl = secs("FAIRGATE_SESSION_SECS", 600, 86_400);
        let session_idle =
            Duration::from_secs(settings.or_within("FAIRGATE_SESSION_IDLE_SECS", 120, 1..=86_400));
        let mut secs = |key: &str, default: u64, max: u64| {
            Duration::from_secs(settings.or_within(key, default, 0..=max))
        };
        let hold_ttl = secs("FAIRGATE_HOLD_SECS", 300, 86_400);
        let order_ttl = secs("FAIRGATE_ORDER_SECS", 300, 86_400);
        let order_grace = secs("FAIRGATE_ORDER_GRACE_SECS", 5, 600);
        let placing_deadline = secs("FAIRGATE_PLACING_SECS", 30, 600);
        let mut millis = |key: &str, default: u64, max: u64| {
            Duration::from_millis(settings.or_within(key, default, 1..=max))
        };
        let outcome_wait = millis("FAIRGATE_OUTCOME_WAIT_MS", 3_000, 10_000);
        Self {
            keys,
            session_ttl,
            session_idle,
            hold_ttl,
            order_ttl,
            order_grace,
            commands_partitions: settings.or_within("FAIRGATE_COMMANDS_PARTITIONS", 4, 1..=256),
            commands_queue_max: settings.or_within(
                "FAIRGATE_COMMANDS_QUEUE_MAX",
                20_000,
                1..=1_000_000,
            ),
            writer_batch_max: settings.or_within("FAIRGATE_WRITER_BATCH_MAX", 500, 1..=5_000),
            writer_linger: Duration::from_millis(settings.or_within(
                "FAIRGATE_WRITER_LINGER_MS",
                0,
                0..=1_000,
            )),
            outcome_wait,
            placing_deadline,
            payment: crate::payment::config::Config::from_settings(settings),
        }
    }
}
