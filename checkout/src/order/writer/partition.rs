//! One partition's commands, written batch after batch.

use std::{ops::ControlFlow, time::Duration};

use sqlx::PgPool;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    App,
    order::{
        command::QueuedCommand,
        command_log::DeadLetter,
        plan::{self, BatchPlan},
        reject_reason::RejectReason,
        writer::{
            backoff::backoff,
            notify::Notifier,
            position::WrittenOffsets,
            record::{Record, RecordContent, origin},
        },
    },
    store::{self, writer::Fence},
};

/// How often one batch may collide with other partitions before it is told.
const RACES_EXPECTED: u32 = 10;
/// How often a dead letter is sent before its partition waits and the others go on.
const UNSENT_MAX: u32 = 5;

/// Why a lane ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartitionEnd {
    /// There is nothing more to come, or it was asked to stop while Postgres was away.
    Through,
    /// Postgres is elsewhere in the log, or in another log.
    Refused,
    /// What comes next is for a later version than this one, or is a dead letter that is not taken.
    Stopped,
}

/// A partition on its way into Postgres.
pub(super) struct PartitionWriter {
    app: App,
    pool: PgPool,
    partition: i32,
    log: Uuid,
    written: WrittenOffsets,
    notifier: Notifier,
    stop: CancellationToken,
}

impl PartitionWriter {
    pub fn new(
        app: App,
        pool: PgPool,
        partition: i32,
        log: Uuid,
        written: WrittenOffsets,
        stop: CancellationToken,
    ) -> Self {
        Self { app, pool, partition, log, written, notifier: Notifier::default(), stop }
    }

    /// Writes what comes, batch after batch.
    pub async fn run(mut self, mut records: mpsc::Receiver<Record>) -> (i32, PartitionEnd) {
        let (max, linger) = (self.app.config.writer_batch_max, self.app.config.writer_linger);
        let end = 'writing: loop {
            let batch = collect(&mut records, max, linger).await;
            if batch.is_empty() {
                break PartitionEnd::Through;
            }
            if let Some(first) = batch.first() {
                self.app.writer_clock.begin(self.partition, first.sent_at);
            }
            metrics::histogram!("fairgate_writer_batch_records").record(batch.len() as f64);
            // What is no command is written by itself, and nothing that was not read is passed
            // over.
            let together = |one: &Record, next: &Record| {
                one.is_command() && next.is_command() && next.offset == one.offset + 1
            };
            for part in batch.chunk_by(together) {
                if let ControlFlow::Break(end) = self.write_through(part).await {
                    // What it stopped at is waiting still.
                    if end != PartitionEnd::Stopped {
                        self.app.writer_clock.end(self.partition);
                    }
                    break 'writing end;
                }
                self.written
                    .note(self.partition, part.last().map_or(0, |record| record.offset + 1));
            }
            self.app.writer_clock.end(self.partition);
        };
        self.notifier.finish().await;
        (self.partition, end)
    }

    /// Writes entries, again and again until it is done.
    async fn write_through(&mut self, records: &[Record]) -> ControlFlow<PartitionEnd> {
        let partition = self.partition;
        let mut pauses = backoff();
        let (mut failing, mut races, mut unsent) = (false, 0, 0);
        loop {
            let started = Instant::now();
            match self.write(records).await {
                Ok(BatchOutcome::Batch(plan)) => {
                    let took = started.elapsed();
                    self.app.writer_clock.committed(took);
                    metrics::histogram!("fairgate_writer_batch_seconds").record(took.as_secs_f64());
                    if failing {
                        tracing::info!(partition, "the order writer writes again");
                    }
                    self.notifier.notify(&self.app, *plan, records).await;
                    return ControlFlow::Continue(());
                }
                Ok(BatchOutcome::Before) => return ControlFlow::Continue(()),
                Ok(BatchOutcome::Refused) => {
                    metrics::counter!("fairgate_writer_refused_batches_total").increment(1);
                    return ControlFlow::Break(PartitionEnd::Refused);
                }
                Ok(BatchOutcome::Unknown(what)) => return self.stopped(&what),
                Err(error) if records.len() == 1 && store::order::is_unknown(&error) => {
                    return self.stopped(&error.to_string());
                }
                Err(error) if is_race(&error) => {
                    races += 1;
                    if races == RACES_EXPECTED {
                        tracing::warn!(partition, %error, "the order writer writes a batch in \
                            vain, again and again");
                    }
                }
                Err(error) if !kit::postgres::is_for_good(&error) => {
                    if !failing {
                        tracing::warn!(partition, %error, "the order writer waits for Postgres");
                        metrics::counter!("fairgate_writer_waits_total").increment(1);
                    }
                    failing = true;
                }
                Ok(BatchOutcome::Unsent(cause)) => {
                    unsent += 1;
                    if unsent == UNSENT_MAX {
                        tracing::error!(
                            partition,
                            cause,
                            "a dead letter is not taken; its partition waits"
                        );
                        return ControlFlow::Break(PartitionEnd::Stopped);
                    }
                    if !failing {
                        tracing::warn!(
                            partition,
                            cause,
                            "the order writer waits for a dead letter to be taken"
                        );
                    }
                    failing = true;
                }
                Err(error) => return self.write_singly(records, error).await,
            }
            tokio::select! {
                () = self.stop.cancelled() => return ControlFlow::Break(PartitionEnd::Through),
                () = tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(1))) => {}
            }
        }
    }

    fn stopped(&self, what: &str) -> ControlFlow<PartitionEnd> {
        let partition = self.partition;
        tracing::error!(
            partition,
            what,
            "the order writer does not know this and stops the partition; start a version that does"
        );
        ControlFlow::Break(PartitionEnd::Stopped)
    }

    /// A batch that Postgres will never have is written record by record, so that only the culprit
    /// is put aside.
    async fn write_singly(
        &mut self,
        records: &[Record],
        error: sqlx::Error,
    ) -> ControlFlow<PartitionEnd> {
        let partition = self.partition;
        if let [record] = records {
            tracing::error!(partition, offset = record.offset, %error, "an order command cannot be \
                written");
            let RecordContent::Command(queued) = &record.content else {
                return ControlFlow::Continue(());
            };
            let letter = DeadLetter::of(queued, origin(partition, record.offset));
            let dead = Record { content: RecordContent::Dead(letter), ..record.clone() };
            return Box::pin(self.write_through(&[dead])).await;
        }
        tracing::error!(partition, %error, "a batch of order commands is written one by one");
        for record in records {
            Box::pin(self.write_through(std::slice::from_ref(record))).await?;
        }
        ControlFlow::Continue(())
    }

    /// One transaction.
    async fn write(&self, records: &[Record]) -> sqlx::Result<BatchOutcome> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return Ok(BatchOutcome::Before);
        };
        let mut tx = self.pool.begin().await?;
        let batch = first.offset..last.offset + 1;
        let (next_offset, now) = match store::writer::fence(
            &mut tx,
            self.partition,
            self.log,
            batch.clone(),
        )
        .await?
        {
            Fence::Open { next_offset, now } => (next_offset, now),
            Fence::Written => return Ok(BatchOutcome::Before),
            Fence::Elsewhere { log, next_offset } => {
                let (partition, own_log) = (self.partition, self.log);
                tracing::warn!(partition, ?batch, %own_log, next_offset, log = ?log, "a batch of \
                    order commands is refused");
                return Ok(BatchOutcome::Refused);
            }
        };
        let plan = match records {
            [Record { content: RecordContent::Unknown(kind), .. }] => {
                return Ok(BatchOutcome::Unknown(format!("command {kind}")));
            }
            [Record { content: RecordContent::Dead(letter), .. }] => {
                if let Err(fault) = self.app.command_log.send_dead_letter(letter).await {
                    return Ok(BatchOutcome::Unsent(fault.into_text()));
                }
                metrics::counter!("fairgate_writer_dead_letters_total").increment(1);
                tracing::error!(
                    origin = letter.origin,
                    "an order command went to the dead letters"
                );
                BatchPlan {
                    rejected: letter
                        .order()
                        .map(|order| (order, RejectReason::Unwritable))
                        .into_iter()
                        .collect(),
                    ..BatchPlan::default()
                }
            }
            _ => {
                let queued: Vec<QueuedCommand> = records
                    .iter()
                    .filter(|record| record.offset >= next_offset)
                    .filter_map(Record::command)
                    .collect();
                let found = store::writer::batch_state::read(&mut tx, &queued, now).await?;
                plan::plan_batch(&queued, found, now)
            }
        };
        store::writer::batch_plan::write(&mut tx, &plan, self.partition, now).await?;
        tx.commit().await?;
        for (order, reason) in &plan.rejected {
            tracing::info!(%order, %reason, "an order was rejected");
            metrics::counter!("fairgate_writer_refusals_total", "reason" => reason.to_string())
                .increment(1);
        }
        for (event, request_id) in &plan.events {
            let (order, event) = (event.data().order, event.name());
            tracing::debug!(%order, request_id, event, "written");
        }
        metrics::counter!("fairgate_writer_orders_total").increment(plan.placed.len() as u64);
        Ok(BatchOutcome::Batch(Box::new(plan)))
    }
}

/// What became of a batch.
enum BatchOutcome {
    Batch(Box<BatchPlan>),
    /// All of it was written before.
    Before,
    Refused,
    /// Nothing, for it is a kind of command that a later version knows.
    Unknown(String),
    /// Nothing, for a dead letter was not taken.
    Unsent(String),
}

/// What came while the last batch was written, or else the next record and what comes within
/// `linger` of it; `max` records at most. Empty when no more come.
async fn collect(
    records: &mut mpsc::Receiver<Record>,
    max: usize,
    linger: Duration,
) -> Vec<Record> {
    let mut batch = Vec::new();
    records.recv_many(&mut batch, max).await;
    let full = Instant::now() + linger;
    while !batch.is_empty() && batch.len() < max {
        let room = max - batch.len();
        match timeout_at(full, records.recv_many(&mut batch, room)).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => break,
        }
    }
    batch
}

/// Whether another partition's writer wrote the same order, or another of the same session, at this
/// moment. The next attempt sees it.
fn is_race(error: &sqlx::Error) -> bool {
    let constraint = kit::postgres::violated_constraint(error);
    matches!(
        constraint,
        Some("orders_pkey" | "orders_one_per_hold" | "orders_one_open_per_session")
    )
}
