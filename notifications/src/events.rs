//! From events to letters: each event that somebody is written about adds a row, and only then its
//! offset is committed.
//!
//! A new group starts at the oldest record the topic still has, so that nothing is lost between the
//! first event and the first start of this role. Orders that were paid within the topic's retention
//! before then get their letter late.

use std::time::Duration;

use admin::contract::{SUPPORT_TOPIC, SupportEvent};
use anyhow::Context;
use backon::{BackoffBuilder, ExponentialBuilder};
use checkout::contract::{EVENTS_TOPIC, OrderEvent};
use kit::{
    kafka::{Kafka, request_id},
    serve::Tasks,
};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer, DefaultConsumerContext, StreamConsumer},
    message::BorrowedMessage,
};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    App,
    contract::GROUPS,
    kind::{Kind, NewLetter},
    store,
};

const BATCH_MAX: usize = 500;
const LINGER: Duration = Duration::from_millis(5);
const TOPIC_LOOK: Duration = Duration::from_millis(500);

/// What a record asks for: a letter, nothing, or it cannot be read.
type Read = fn(&[u8]) -> serde_json::Result<Option<(Kind, Uuid)>>;

#[derive(Clone, Copy)]
struct Source {
    topic: &'static str,
    group: &'static str,
    read: Read,
}

/// A group each, so that a topic that is not there yet keeps no letter of the other waiting.
const SOURCES: [Source; 2] = [
    Source { topic: EVENTS_TOPIC, group: GROUPS[0], read: order_event },
    Source { topic: SUPPORT_TOPIC, group: GROUPS[1], read: support_event },
];

fn order_event(payload: &[u8]) -> serde_json::Result<Option<(Kind, Uuid)>> {
    Ok(match serde_json::from_slice(payload)? {
        OrderEvent::Paid(facts) => Some((Kind::Ticket, facts.order)),
        OrderEvent::Refunded(facts) => Some((Kind::Refund, facts.order)),
        OrderEvent::LinkRenewed(renewed) => Some((Kind::OrderLink, renewed.renewal)),
        OrderEvent::Placed(_) | OrderEvent::Expired(_) | OrderEvent::Cancelled(_) => None,
    })
}

fn support_event(payload: &[u8]) -> serde_json::Result<Option<(Kind, Uuid)>> {
    let SupportEvent::Answered { message, .. } = serde_json::from_slice(payload)?;
    Ok(Some((Kind::SupportAnswer, message)))
}

pub fn start(app: &App, kafka: &Kafka, tasks: &Tasks) {
    for source in SOURCES {
        tasks.spawn(run(app.clone(), kafka.clone(), source, tasks.stop()));
    }
}

/// Follows one topic until `stop`, through whatever restarts.
async fn run(app: App, kafka: Kafka, source: Source, stop: CancellationToken) {
    let mut pauses = pauses();
    while !stop.is_cancelled() {
        let started = Instant::now();
        let ended = tokio::select! {
            () = stop.cancelled() => return,
            ended = follow(&app, &kafka, source) => ended,
        };
        if let Err(error) = ended {
            tracing::warn!(
                topic = source.topic,
                error = format!("{error:#}"),
                "following events starts again"
            );
        }
        if started.elapsed() > Duration::from_secs(30) {
            pauses = self::pauses();
        }
        let pause = pauses.next().unwrap_or(Duration::from_secs(5));
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(pause) => {}
        }
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .without_max_times()
        .with_jitter()
        .build()
}

async fn follow(app: &App, kafka: &Kafka, source: Source) -> anyhow::Result<()> {
    // Its owner makes it. A member that subscribes to what is not there would look again only after
    // minutes.
    while kafka.partitions(source.topic).await? == 0 {
        sleep(TOPIC_LOOK).await;
    }
    let topic = kafka.name(source.topic);
    let consumer: StreamConsumer<DefaultConsumerContext> =
        kafka.consumer(source.group, DefaultConsumerContext)?;
    consumer.subscribe(&[&topic])?;
    loop {
        let batch = collect(&consumer, source).await?;
        metrics::counter!("fairgate_letter_events_total", "topic" => source.topic)
            .increment(batch.records);
        if !batch.letters.is_empty() && store::put(&app.pool, &batch.letters).await? > 0 {
            app.wake.notify_one();
        }
        // Letters are there for good now; a commit that gets lost brings their events again, which
        // changes nothing.
        if let Err(error) = consumer.commit(&batch.offsets(&topic)?, CommitMode::Async) {
            tracing::debug!(%error, topic = source.topic, "an offset was not committed");
        }
    }
}

#[derive(Default)]
struct Batch {
    letters: Vec<NewLetter>,
    records: u64,
    /// Per partition, the offset to go on from.
    next: std::collections::BTreeMap<i32, i64>,
}

impl Batch {
    fn add(&mut self, message: &BorrowedMessage<'_>, source: Source) {
        self.records += 1;
        self.next.insert(message.partition(), message.offset() + 1);
        match (source.read)(message.payload().unwrap_or_default()) {
            Ok(Some((kind, subject))) => {
                self.letters.push(NewLetter { kind, subject, request_id: request_id(message).0 });
            }
            Ok(None) => {}
            Err(error) => {
                metrics::counter!("fairgate_letter_events_poison_total", "topic" => source.topic)
                    .increment(1);
                let category = format!("{:?}", error.classify());
                let (partition, offset) = (message.partition(), message.offset());
                tracing::error!(
                    topic = source.topic,
                    partition,
                    offset,
                    category,
                    "an event that cannot be read is passed over"
                );
            }
        }
    }

    fn offsets(&self, topic: &str) -> anyhow::Result<TopicPartitionList> {
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in &self.next {
            offsets.add_partition_offset(topic, *partition, Offset::Offset(*next))?;
        }
        Ok(offsets)
    }
}

/// Waits for a record, then takes what else comes within a moment.
async fn collect(
    consumer: &StreamConsumer<DefaultConsumerContext>,
    source: Source,
) -> anyhow::Result<Batch> {
    let mut batch = Batch::default();
    batch.add(&receive(consumer).await?, source);
    let full = Instant::now() + LINGER;
    for _ in 1..BATCH_MAX {
        match timeout_at(full, receive(consumer)).await {
            Ok(message) => batch.add(&message?, source),
            Err(_) => break,
        }
    }
    Ok(batch)
}

async fn receive(
    consumer: &StreamConsumer<DefaultConsumerContext>,
) -> anyhow::Result<BorrowedMessage<'_>> {
    loop {
        match consumer.recv().await {
            Ok(message) => return Ok(message),
            // librdkafka reconnects by itself; only what it calls fatal needs a new consumer.
            Err(error) if consumer.client().fatal_error().is_none() => {
                tracing::debug!(%error, "reading events");
                sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error).context("reading events"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_is_written_about_makes_a_letter() {
        let order = Uuid::from_u128(9);
        let event = |name: &str| {
            format!(
                r#"{{"type":"{name}","order":"{order}","show":"s","amount_minor":1,"currency":"EUR","at":"2026-11-21T19:00:00Z"}}"#
            )
        };
        let read = |name: &str| order_event(event(name).as_bytes()).expect("readable");
        assert_eq!(read("order_paid.v1"), Some((Kind::Ticket, order)));
        assert_eq!(read("order_refunded.v1"), Some((Kind::Refund, order)));
        assert_eq!(read("order_placed.v1"), None);
        assert!(order_event(b"{}").is_err());
        assert!(support_event(b"").is_err());
    }
}
