//! Following a topic as a member of a group: every record is dealt with at least once, and
//! committed only then.

use std::{collections::BTreeMap, future::Future, time::Duration};

use anyhow::Context;
use backon::{BackoffBuilder, ExponentialBuilder};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer, DefaultConsumerContext, StreamConsumer},
    message::BorrowedMessage,
};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{client::Kafka, headers::request_id, topic::Topic};
use crate::http::RequestId;

/// How long a batch may wait to fill.
const LINGER: Duration = Duration::from_millis(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(30);

/// Which records are followed.
#[derive(Debug, Clone, Copy)]
pub struct Subscription {
    pub topic: Topic,
    /// Its members share the partitions. A new group starts at the oldest record.
    pub group: &'static str,
    /// Records handed over at once, at most.
    pub batch_max: usize,
}

/// A record that could be read.
#[derive(Debug, Clone)]
pub struct Record<E> {
    pub event: E,
    /// Of the request that caused it.
    pub request: RequestId,
    pub partition: i32,
    pub offset: i64,
}

/// What a group does about a topic's records.
pub trait Handler: Send + Sync + 'static {
    type Event: DeserializeOwned + Send + Sync;

    /// Deals with records, those of a partition in their order. They may come again, after a fault
    /// or when another takes over: doing it twice must do no more than doing it once.
    ///
    /// # Errors
    /// The same records come again after a pause.
    fn handle(
        &self,
        records: &[Record<Self::Event>],
    ) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// For how long records are tried again that fail like this, pauses taken together; then they
    /// are passed over. `None`: until it is done.
    fn patience(&self, _error: &anyhow::Error) -> Option<Duration> {
        None
    }

    /// Records are passed over, because of this.
    fn gave_up(&self, _records: &[Record<Self::Event>], _error: &anyhow::Error) {}

    /// A record cannot be read and is passed over.
    fn unreadable(&self) {}
}

/// Follows until `stop`, through whatever restarts. What is being dealt with when asked to stop is
/// finished first, unless it fails.
pub async fn consume<H: Handler>(
    kafka: Kafka,
    subscription: Subscription,
    handler: H,
    stop: CancellationToken,
) {
    let mut pauses = pauses();
    while !stop.is_cancelled() {
        let started = Instant::now();
        if let Err(error) = follow(&kafka, &subscription, &handler, &stop).await {
            let (group, error) = (subscription.group, format!("{error:#}"));
            tracing::warn!(group, error, "following a topic starts again");
        }
        if started.elapsed() > SAY_AGAIN {
            pauses = self::pauses();
        }
        pause(&mut pauses, &stop).await;
    }
}

fn pauses() -> impl Iterator<Item = Duration> + Send {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .build()
}

/// Pauses as the next of `pauses` says, or until `stop`, and says how long it should have been.
async fn pause(
    pauses: &mut (impl Iterator<Item = Duration> + Send),
    stop: &CancellationToken,
) -> Duration {
    let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
    tokio::select! {
        () = stop.cancelled() => {}
        () = sleep(pause) => {}
    }
    pause
}

async fn follow<H: Handler>(
    kafka: &Kafka,
    subscription: &Subscription,
    handler: &H,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let Subscription { topic, group, batch_max } = subscription;
    // A member that subscribes to what is not there looks again only after minutes.
    kafka.ensure(topic).await?;
    let consumer: StreamConsumer<DefaultConsumerContext> =
        kafka.consumer(group, DefaultConsumerContext)?;
    let name = kafka.name(topic.name);
    consumer.subscribe(&[&name])?;
    loop {
        let batch = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            batch = collect(&consumer, *batch_max, handler, group) => batch?,
        };
        if !batch.records.is_empty() && !handle_through(handler, &batch.records, group, stop).await
        {
            return Ok(());
        }
        let handled = batch.records.len() as u64;
        metrics::counter!("fairgate_consumed_records_total", "group" => *group).increment(handled);
        // A commit that gets lost brings the records again, which changes nothing.
        if let Err(error) = consumer.commit(&batch.offsets(&name)?, CommitMode::Async) {
            tracing::debug!(%error, group, "an offset was not committed");
        }
    }
}

/// Handles records again and again until it is done, or they are passed over; `false` when asked to
/// stop first.
async fn handle_through<H: Handler>(
    handler: &H,
    records: &[Record<H::Event>],
    group: &'static str,
    stop: &CancellationToken,
) -> bool {
    let (mut pauses, mut said) = (pauses(), None::<Instant>);
    let mut spent = Duration::ZERO;
    loop {
        let Err(error) = handler.handle(records).await else { return true };
        let patience = handler.patience(&error);
        if patience.is_some_and(|patience| spent >= patience) {
            metrics::counter!("fairgate_consumer_gave_up_total", "group" => group).increment(1);
            handler.gave_up(records, &error);
            return true;
        }
        metrics::counter!("fairgate_consumer_retries_total", "group" => group).increment(1);
        if said.is_none_or(|at| at.elapsed() > SAY_AGAIN) {
            said = Some(Instant::now());
            let (first, error) = (records.first(), format!("{error:#}"));
            let (partition, offset) =
                first.map_or((-1, -1), |record| (record.partition, record.offset));
            tracing::warn!(group, partition, offset, error, "records wait to be dealt with");
        }
        let paused = pause(&mut pauses, stop).await;
        if stop.is_cancelled() {
            return false;
        }
        if patience.is_some() {
            spent += paused;
        }
    }
}

struct Batch<E> {
    records: Vec<Record<E>>,
    /// Per partition, the offset to go on from.
    next: BTreeMap<i32, i64>,
}

impl<E: DeserializeOwned> Batch<E> {
    fn new() -> Self {
        Self { records: Vec::new(), next: BTreeMap::new() }
    }

    fn add(
        &mut self,
        message: &BorrowedMessage<'_>,
        group: &'static str,
        unreadable: impl FnOnce(),
    ) {
        let (partition, offset) = (message.partition(), message.offset());
        self.next.insert(partition, offset + 1);
        match serde_json::from_slice(message.payload().unwrap_or_default()) {
            Ok(event) => {
                self.records.push(Record { event, request: request_id(message), partition, offset })
            }
            Err(error) => {
                metrics::counter!("fairgate_consumer_unreadable_total", "group" => group)
                    .increment(1);
                // What it says of the payload is not repeated: it may hold addresses.
                let category = format!("{:?}", error.classify());
                tracing::error!(
                    group,
                    partition,
                    offset,
                    category,
                    "a record that cannot be read is passed over"
                );
                unreadable();
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
async fn collect<H: Handler>(
    consumer: &StreamConsumer<DefaultConsumerContext>,
    batch_max: usize,
    handler: &H,
    group: &'static str,
) -> anyhow::Result<Batch<H::Event>> {
    let mut batch = Batch::new();
    batch.add(&receive(consumer).await?, group, || handler.unreadable());
    let full = Instant::now() + LINGER;
    for _ in 1..batch_max {
        match timeout_at(full, receive(consumer)).await {
            Ok(message) => batch.add(&message?, group, || handler.unreadable()),
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
            // librdkafka reconnects by itself and goes on where it was; only what it calls fatal
            // needs a new consumer.
            Err(error) if consumer.client().fatal_error().is_none() => {
                tracing::debug!(%error, "reading a topic");
                sleep(FIRST_PAUSE).await;
            }
            Err(error) => return Err(error).context("reading a topic"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use rdkafka::{
        mocking::MockCluster,
        producer::{DefaultProducerContext, FutureProducer, FutureRecord},
    };

    use super::*;
    use crate::kafka::ProducerBounds;

    const BOUNDS: ProducerBounds =
        ProducerBounds { queue_messages_max: 100, delivery_ms_max: 5_000, linger_ms: 0 };

    /// Numbers that were handled; some fail a few times first, and 13 for ever.
    #[derive(Clone, Default)]
    struct Numbers {
        handled: Arc<Mutex<Vec<u32>>>,
        failures_left: Arc<Mutex<u32>>,
        passed_over: Arc<Mutex<Vec<u32>>>,
        unreadable: Arc<Mutex<u32>>,
        patience: Option<Duration>,
    }

    impl Handler for Numbers {
        type Event = u32;

        async fn handle(&self, records: &[Record<u32>]) -> anyhow::Result<()> {
            let mut left = self.failures_left.lock();
            if *left > 0 {
                *left -= 1;
                anyhow::bail!("a fault that passes");
            }
            if records.iter().any(|record| record.event == 13) {
                anyhow::bail!("a fault that stays");
            }
            self.handled.lock().extend(records.iter().map(|record| record.event));
            Ok(())
        }

        fn patience(&self, error: &anyhow::Error) -> Option<Duration> {
            self.patience.filter(|_| error.to_string().contains("stays"))
        }

        fn gave_up(&self, records: &[Record<u32>], _: &anyhow::Error) {
            self.passed_over.lock().extend(records.iter().map(|record| record.event));
        }

        fn unreadable(&self) {
            *self.unreadable.lock() += 1;
        }
    }

    fn record(event: u32) -> Record<u32> {
        Record { event, request: RequestId::fresh(), partition: 0, offset: 0 }
    }

    #[tokio::test]
    async fn what_fails_is_tried_again_until_it_is_done() {
        let numbers = Numbers { failures_left: Arc::new(Mutex::new(4)), ..Numbers::default() };
        let stop = CancellationToken::new();
        assert!(handle_through(&numbers, &[record(7)], "g", &stop).await);
        assert_eq!(*numbers.handled.lock(), [7]);
    }

    #[tokio::test]
    async fn what_stays_wrong_is_passed_over_when_patience_is_out_and_not_sooner() {
        let patience = Duration::from_millis(200);
        let numbers = Numbers { patience: Some(patience), ..Numbers::default() };
        let (stop, began) = (CancellationToken::new(), Instant::now());
        assert!(handle_through(&numbers, &[record(13)], "g", &stop).await);
        assert_eq!(*numbers.passed_over.lock(), [13]);
        let took = began.elapsed();
        assert!(took >= patience && took <= patience + LONGEST_PAUSE, "{took:?}");
        let stubborn = Numbers::default();
        let asked_to_stop = async {
            sleep(patience * 5).await;
            stop.cancel();
        };
        let records = [record(13)];
        let (done, ()) =
            tokio::join!(handle_through(&stubborn, &records, "g", &stop), asked_to_stop);
        assert!(!done && stubborn.passed_over.lock().is_empty(), "who has no end of patience");
    }

    async fn append(producer: &FutureProducer, payload: &str) {
        let record = FutureRecord::<(), _>::to("numbers").partition(0).payload(payload);
        producer.send(record, Duration::from_secs(5)).await.expect("acknowledged");
    }

    /// A real member against the library's own broker.
    #[tokio::test]
    async fn a_record_is_committed_when_it_was_dealt_with_and_what_cannot_be_read_is_passed_over() {
        let broker: MockCluster<'_, DefaultProducerContext> =
            MockCluster::new(1).expect("a broker");
        broker.create_topic("numbers", 1, 1).expect("a topic");
        let kafka = Kafka::new(&broker.bootstrap_servers(), "", 1);
        let producer = kafka.producer(BOUNDS).expect("a producer");
        for payload in ["1", "no number", "2"] {
            append(&producer, payload).await;
        }
        let numbers = Numbers { failures_left: Arc::new(Mutex::new(2)), ..Numbers::default() };
        let member = || {
            let consumer: StreamConsumer<DefaultConsumerContext> =
                kafka.consumer("g", DefaultConsumerContext).expect("a consumer");
            consumer.subscribe(&["numbers"]).expect("subscribed");
            consumer
        };
        let first = member();
        while numbers.handled.lock().len() < 2 {
            let batch = collect(&first, 10, &numbers, "g").await.expect("a batch");
            assert!(handle_through(&numbers, &batch.records, "g", &CancellationToken::new()).await);
            let offsets = batch.offsets("numbers").expect("offsets");
            first.commit(&offsets, CommitMode::Sync).expect("committed");
        }
        assert_eq!((numbers.handled.lock().clone(), *numbers.unreadable.lock()), (vec![1, 2], 1));
        drop(first);
        append(&producer, "3").await;
        let batch = collect(&member(), 10, &numbers, "g").await.expect("a batch");
        let events: Vec<u32> = batch.records.iter().map(|record| record.event).collect();
        assert_eq!(events, [3], "what was committed does not come again");
    }
}
