//! One partition's commands, written batch after batch.

use std::time::Duration;

use sqlx::PgPool;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{Done, Entry, pauses, tell::Teller};
use crate::{
    App,
    decide::{self, Asked, Plan},
    store,
};

/// Writes until there is nothing more to come, or `stop` while Postgres is away.
pub(super) async fn run(
    app: App,
    pool: PgPool,
    partition: i32,
    mut entries: mpsc::Receiver<Entry>,
    done: Done,
    stop: CancellationToken,
) {
    let mut lane = Lane { app, pool, partition, teller: Teller::default(), stop };
    let (max, linger) = (lane.app.config.writer_batch_max, lane.app.config.writer_linger);
    loop {
        let batch = collect(&mut entries, max, linger).await;
        let Some(last) = batch.last() else { break };
        metrics::histogram!("fairgate_writer_batch_records").record(batch.len() as f64);
        let next_offset = last.offset + 1;
        if !lane.write_through(&batch).await {
            break;
        }
        done.note(partition, next_offset);
    }
    lane.teller.finish().await;
}

/// What came while the last batch was written, or else the next record and what comes within `linger` of it; `max` records
/// at most. Empty when no more come.
async fn collect(entries: &mut mpsc::Receiver<Entry>, max: usize, linger: Duration) -> Vec<Entry> {
    let mut batch = Vec::new();
    entries.recv_many(&mut batch, max).await;
    let full = Instant::now() + linger;
    while !batch.is_empty() && batch.len() < max {
        let room = max - batch.len();
        match timeout_at(full, entries.recv_many(&mut batch, room)).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
    }
    batch
}

/// A partition on its way into Postgres.
struct Lane {
    app: App,
    pool: PgPool,
    partition: i32,
    teller: Teller,
    stop: CancellationToken,
}

impl Lane {
    /// Writes entries, again and again until it is done; `false` when asked to stop first.
    async fn write_through(&mut self, entries: &[Entry]) -> bool {
        let partition = self.partition;
        let mut pauses = pauses();
        let mut failing = false;
        loop {
            let started = Instant::now();
            match self.write(entries).await {
                Ok(plan) => {
                    metrics::histogram!("fairgate_writer_batch_seconds").record(started.elapsed().as_secs_f64());
                    if failing {
                        tracing::info!(partition, "the order writer writes again");
                    }
                    if let Some(plan) = plan {
                        self.teller.tell(&self.app, plan, entries).await;
                    }
                    return true;
                }
                Err(error) if is_race(&error) || !kit::postgres::is_for_good(&error) => {
                    if !failing {
                        tracing::warn!(partition, %error, "the order writer waits for Postgres");
                        metrics::counter!("fairgate_writer_waits_total").increment(1);
                    }
                    failing = true;
                    tokio::select! {
                        () = self.stop.cancelled() => return false,
                        () = tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(1))) => {}
                    }
                }
                Err(error) => return self.write_singly(entries, error).await,
            }
        }
    }

    /// A batch that Postgres will never have is written record by record, so that only the culprit is passed over.
    async fn write_singly(&mut self, entries: &[Entry], error: sqlx::Error) -> bool {
        let partition = self.partition;
        if let [entry] = entries {
            metrics::counter!("fairgate_writer_poison_total").increment(1);
            tracing::error!(partition, offset = entry.offset, %error, "an order command that cannot be written is passed over");
            let passed = Entry { offset: entry.offset, asked: None };
            // Without its command it writes nothing but the offset.
            return entry.asked.is_none() || Box::pin(self.write_through(&[passed])).await;
        }
        tracing::error!(partition, %error, "a batch of order commands is written one by one");
        for entry in entries {
            if !Box::pin(self.write_through(std::slice::from_ref(entry))).await {
                return false;
            }
        }
        true
    }

    /// One transaction. `None` where all entries were written before.
    async fn write(&self, entries: &[Entry]) -> sqlx::Result<Option<Plan>> {
        let Some(last) = entries.last() else { return Ok(None) };
        let mut tx = self.pool.begin().await?;
        let (next_offset, now) = store::writer::fence(&mut tx, self.partition, last.offset + 1).await?;
        let unseen = entries.iter().filter(|entry| entry.offset >= next_offset);
        let asked: Vec<Asked> = unseen.filter_map(|entry| entry.asked.clone()).collect();
        if last.offset < next_offset {
            return Ok(None);
        }
        let books = store::writer::books(&mut tx, &asked).await?;
        let plan = decide::decide(&asked, books, now);
        store::writer::write(&mut tx, &plan, self.partition, now).await?;
        tx.commit().await?;
        for (order, refusal) in &plan.refused {
            tracing::info!(%order, reason = refusal.as_str(), "an order was refused");
            metrics::counter!("fairgate_writer_refusals_total", "reason" => refusal.as_str()).increment(1);
        }
        for (event, request_id) in &plan.events {
            tracing::debug!(order = %event.facts().order, request_id, event = event.name(), "written");
        }
        metrics::counter!("fairgate_writer_orders_total").increment(plan.placed.len() as u64);
        Ok(Some(plan))
    }
}

/// Whether another writer wrote the same order at this moment, which happens only while the number of partitions is
/// changed. The next attempt sees it.
fn is_race(error: &sqlx::Error) -> bool {
    matches!(kit::postgres::violated_constraint(error), Some("orders_pkey" | "orders_one_per_hold"))
}
