//! A producer for the life of a process: one that its library declares fatal is replaced.

use std::time::{Duration, Instant};

use parking_lot::RwLock;
use rdkafka::{
    error::KafkaError,
    message::ToBytes,
    producer::{FutureProducer, FutureRecord, Producer as _, future_producer::DeliveryFuture},
};

use super::client::{Kafka, ProducerBounds};

/// How long a producer in another's place must go without a fault before it is called ready. What
/// makes the next one fatal too, such as rights that were taken away, shows when it asks for its
/// id, long before.
const TRIAL: Duration = Duration::from_secs(1);

/// An idempotent producer whose acknowledgement means: on all in-sync replicas, once.
///
/// A producer that has lost count of its sequence with the broker, or was fenced, is fatal: it
/// takes nothing more, for ever. What it had not acknowledged stays unacknowledged, and the next
/// record goes out through another.
pub struct Producer {
    kafka: Kafka,
    bounds: ProducerBounds,
    current: RwLock<Current>,
}

struct Current {
    producer: FutureProducer,
    /// When it took another's place.
    replaced_at: Option<Instant>,
}

impl Current {
    fn is_on_trial(&self) -> bool {
        self.replaced_at.is_some_and(|at| at.elapsed() < TRIAL)
    }
}

impl Producer {
    /// # Errors
    /// When the client cannot be made. Kafka may be away.
    pub fn new(kafka: Kafka, bounds: ProducerBounds) -> anyhow::Result<Self> {
        let producer = kafka.producer(bounds)?;
        Ok(Self { kafka, bounds, current: RwLock::new(Current { producer, replaced_at: None }) })
    }

    /// Queues a record; the answer resolves with its acknowledgement.
    ///
    /// # Errors
    /// The queue is full, or the producer is fatal and another was made in its place less than a
    /// second ago.
    pub fn send<K, P>(&self, record: FutureRecord<'_, K, P>) -> Result<DeliveryFuture, KafkaError>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        self.replace_if_fatal();
        let current = self.current.read();
        current.producer.send_result(record).map_err(|(error, _)| error)
    }

    /// Whether it is worth sending anything: the producer is not fatal, and was not so a moment
    /// ago. Asking replaces a fatal one, for nothing is sent through an instance that is not ready.
    pub fn is_ready(&self) -> bool {
        !self.replace_if_fatal() && !self.current.read().is_on_trial()
    }

    /// Where a partition of the topic with this full name starts and ends. Blocks for `within` at
    /// most.
    ///
    /// # Errors
    /// Kafka away, or no such partition.
    pub fn watermarks(
        &self,
        topic: &str,
        partition: i32,
        within: Duration,
    ) -> Result<(i64, i64), KafkaError> {
        // A copy, so that sending does not wait for the answer.
        let producer = self.current.read().producer.clone();
        producer.client().fetch_watermarks(topic, partition, within)
    }

    /// Makes another where the present one is fatal, at most one a second. Whether it was fatal.
    fn replace_if_fatal(&self) -> bool {
        let is_fatal = |current: &Current| current.producer.client().fatal_error();
        if is_fatal(&self.current.read()).is_none() {
            return false;
        }
        let mut current = self.current.write();
        // Another caller may have been here first.
        let Some((code, reason)) = is_fatal(&current) else { return true };
        if current.is_on_trial() {
            return true;
        }
        match self.kafka.producer(self.bounds) {
            Ok(producer) => {
                tracing::error!(%code, reason, "a Kafka producer was fatal; another takes its \
                    place");
                metrics::counter!("fairgate_producers_replaced_total").increment(1);
                let new = Current { producer, replaced_at: Some(Instant::now()) };
                let old = std::mem::replace(&mut *current, new);
                // Ending it waits for its threads.
                std::thread::spawn(move || drop(old));
            }
            Err(error) => {
                tracing::error!(%code, error = format!("{error:#}"), "a fatal Kafka producer stays")
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        mocking::MockCluster,
        producer::DefaultProducerContext,
        types::{RDKafkaApiKey, RDKafkaRespErr},
    };

    use super::*;

    const TOPIC: &str = "t";
    const BOUNDS: ProducerBounds =
        ProducerBounds { queue_messages_max: 100, delivery_ms_max: 5_000, linger_ms: 0 };

    /// A real producer against the library's own broker, which answers what it is told to.
    fn a_pair() -> (MockCluster<'static, DefaultProducerContext>, Producer) {
        let broker = MockCluster::new(1).expect("a broker");
        broker.create_topic(TOPIC, 1, 1).expect("a topic");
        let kafka = Kafka::new(&broker.bootstrap_servers(), "", 1);
        (broker, Producer::new(kafka, BOUNDS).expect("a producer"))
    }

    async fn send(producer: &Producer) -> Result<i64, KafkaError> {
        let record = FutureRecord::<(), _>::to(TOPIC).partition(0).payload("x");
        producer
            .send(record)?
            .await
            .expect("a report")
            .map(|delivery| delivery.offset)
            .map_err(|(error, _)| error)
    }

    fn desynchronise(broker: &MockCluster<'static, DefaultProducerContext>) {
        let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
        broker.request_errors(RDKafkaApiKey::Produce, &[error]);
    }

    #[tokio::test]
    async fn a_fatal_producer_is_replaced_and_not_ready_meanwhile() {
        let (broker, producer) = a_pair();
        send(&producer).await.expect("acknowledged");
        assert!(producer.is_ready());
        desynchronise(&broker);
        assert!(send(&producer).await.is_err(), "what the fatal one held is not acknowledged");
        assert!(!producer.is_ready());
        assert!(!producer.is_ready(), "its successor has shown nothing yet");
        send(&producer).await.expect("acknowledged by the successor");
        tokio::time::sleep(TRIAL).await;
        assert!(producer.is_ready());
    }

    #[tokio::test]
    async fn sending_alone_replaces_it_but_not_over_and_over() {
        let (broker, producer) = a_pair();
        desynchronise(&broker);
        assert!(send(&producer).await.is_err());
        desynchronise(&broker);
        let before = Instant::now();
        assert!(send(&producer).await.is_err(), "the successor meets the same fate");
        let third = send(&producer).await;
        assert!(third.is_err() || before.elapsed() >= TRIAL, "and is not replaced at once");
        tokio::time::sleep(TRIAL).await;
        send(&producer).await.expect("acknowledged");
    }
}
