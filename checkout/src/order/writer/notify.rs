//! Saying what was written: to those who wait at once, to Redis while the next batch is being
//! written.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    App,
    order::{plan::BatchPlan, writer::record::Record},
    session::{SessionId, end},
    stock::{
        Settlement, ShardKey,
        redis::{self as shard, SettleOutcome},
    },
};

/// How long telling Redis may take; the lane waits for the batch before at most. Another lane whose
/// word is missing here may take as long.
const SETTLE_MAX: Duration = Duration::from_secs(1);
const GAP_PAUSE: Duration = Duration::from_millis(20);

/// Tells batch after batch, in their order.
#[derive(Default)]
pub(super) struct Notifier {
    before: Option<JoinHandle<()>>,
}

impl Notifier {
    /// Wakes those who wait for `entries`, and begins to tell Redis once it knows of the batch
    /// before.
    pub async fn notify(&mut self, app: &App, plan: BatchPlan, entries: &[Record]) {
        app.waiters.notify(entries.iter().filter_map(Record::order));
        self.finish().await;
        app.stock_words.watch(plan.shows, app.config.hold_ttl);
        if !plan.abandoned.is_empty() {
            tokio::spawn(end_all(app.clone(), plan.abandoned));
        }
        self.before = Some(tokio::spawn(settle_all(app.clone(), plan.settlements)));
    }

    /// Waits until Redis was told, or given up on.
    pub async fn finish(&mut self) {
        if let Some(before) = self.before.take()
            && let Err(error) = before.await
        {
            tracing::error!(%error, "telling Redis of a batch; the reconciler will see to it");
        }
    }
}

/// Gives on the slots of sessions whose order ran out. What is missed here the sweep of idle
/// sessions sees to.
async fn end_all(app: App, sessions: Vec<SessionId>) {
    for session in sessions {
        if let Err(error) = end::end_abandoned(&app, session).await {
            tracing::debug!(%session, %error, "a session was not ended with its order");
        }
    }
}

async fn settle_all(app: App, settlements: BTreeMap<ShardKey, Settlement>) {
    let until = Instant::now() + SETTLE_MAX;
    join_all(settlements.iter().map(async |(shard, settlement)| {
        if timeout_at(until, settle(&app, *shard, settlement)).await.is_err() {
            metrics::counter!("fairgate_writer_unsettled_total").increment(1);
            tracing::warn!(%shard, "a shard was not told of a change in time; the reconciler will \
                rebuild it");
        }
    }))
    .await;
}

/// Tells a shard, again until it has taken it in.
async fn settle(app: &App, shard: ShardKey, settlement: &Settlement) {
    loop {
        match shard::settle(&app.redis, shard, settlement).await {
            Ok(SettleOutcome::Applied | SettleOutcome::OtherEpoch) => return,
            // An order across shards was written elsewhere, and its word is on the way.
            Ok(SettleOutcome::Gap) => {}
            Err(error) => tracing::debug!(%shard, %error, "settling a shard"),
        }
        sleep(GAP_PAUSE).await;
    }
}
