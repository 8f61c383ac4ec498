//! Fans who stand in a room's line, written to Kafka as the waiting room writes them.

use admission::contract::{HexBytes, RoomName, line_topic};
use anyhow::Context;
use kit::{
    http::RequestId,
    kafka::{Kafka, ProducerBounds},
};
use rdkafka::producer::{FutureProducer, FutureRecord};
use waitroom::contract::LineEntry;

use super::sale::LANES;

/// Joins that wait for their acknowledgement at once.
const AT_ONCE: usize = 20_000;

/// Whoever appends.
pub fn producer(kafka: &Kafka) -> anyhow::Result<FutureProducer> {
    kafka.producer(ProducerBounds {
        queue_messages_max: 2 * AT_ONCE as u32,
        delivery_ms_max: 30_000,
        linger_ms: 5,
    })
}

/// Appends so many joins to the lanes in turn, acknowledged by all replicas.
pub async fn append(
    kafka: &Kafka,
    producer: &FutureProducer,
    room: &RoomName,
    entrants: u64,
) -> anyhow::Result<()> {
    let topic = kafka.name(&line_topic(room));
    let headers = RequestId::fresh();
    let mut sent = 0;
    while sent < entrants {
        let step = (AT_ONCE as u64).min(entrants - sent);
        let mut acknowledged = Vec::with_capacity(step as usize);
        for number in sent..sent + step {
            let entry = LineEntry { nonce: HexBytes(rand::random()) }.to_bytes();
            let record = FutureRecord::<(), _>::to(&topic)
                .partition((number % u64::from(LANES.unsigned_abs())) as i32)
                .payload(&entry)
                .headers(kit::kafka::headers(&headers));
            let queued = producer.send_result(record).map_err(|(error, _)| error)?;
            acknowledged.push(queued);
        }
        for delivery in acknowledged {
            delivery.await.context("the producer ended")?.map_err(|(error, _)| error)?;
        }
        sent += step;
    }
    Ok(())
}
