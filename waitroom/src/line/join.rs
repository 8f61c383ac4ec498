//! Joining: one acknowledged append is one place.

use std::sync::Arc;

use admission::contract::PlaceId;
use catalog::contract::Stop;
use kit::{
    http::RequestId,
    kafka::{self, Kafka, Producer, ProducerBounds},
    token::SealRing,
};
use rdkafka::producer::FutureRecord;

use crate::{
    error::Error,
    line::LineEntry,
    place::{PlaceClaims, ahead},
    room::{live::Room, phase::Phase},
};

/// Appends joins to the lines.
pub struct Joiner {
    producer: Producer,
    kafka: Kafka,
    keys: Arc<SealRing>,
    entry: Vec<u8>,
}

/// A place that was acknowledged, with its sealed ticket.
pub struct Joined {
    pub claims: PlaceClaims,
    pub ticket: String,
}

impl Joiner {
    pub fn new(kafka: Kafka, keys: Arc<SealRing>, bounds: ProducerBounds) -> anyhow::Result<Self> {
        let producer = Producer::new(kafka.clone(), bounds)?;
        Ok(Self { producer, kafka, keys, entry: serde_json::to_vec(&LineEntry { v: 1 })? })
    }

    /// Whether a join has a chance of being acknowledged.
    pub fn is_ready(&self) -> bool {
        self.producer.is_ready()
    }

    /// Appends a record to a lane of the room's line and waits for the acknowledgement of all
    /// in-sync replicas.
    ///
    /// # Errors
    /// The room does not take joins, the producer is full, or there was no acknowledgement in time.
    /// In the last case the record may still have been written; it is then a place that nobody
    /// holds, and passes as a no-show.
    pub async fn join(&self, room: &Room, request: &RequestId) -> Result<Joined, Error> {
        let info = room.info();
        if info.phase == Phase::Closed {
            return Err(match info.stop {
                Some(stop @ Stop::Withdrawn) => Error::SaleStopped(stop),
                _ => Error::RoomClosed,
            });
        }
        if !info.phase.takes_joins() {
            return Err(Error::RoomNotOpen);
        }
        let topic = self.kafka.name(&admission::contract::line_topic(&room.name));
        let lane = room.pick_lane();
        let record = FutureRecord::<(), _>::to(&topic)
            .partition(lane)
            .payload(&self.entry)
            .headers(kafka::headers(request));
        let delivery = self.producer.send(record).map_err(refused)?;
        let delivered = delivery
            .await
            .map_err(|_| Error::Internal(anyhow::anyhow!("the producer ended")))?
            .map_err(|(error, _)| refused(error))?;
        // An append that was repeated and found already there is acknowledged without its offset.
        if delivered.offset < 0 {
            return Err(Error::Placeless { offset: delivered.offset });
        }
        room.joined(delivered.partition, delivered.offset);
        metrics::counter!("fairgate_joined_total", "room" => room.name.to_string()).increment(1);
        let heads = room.with_log(crate::head::head_log::HeadLog::heads);
        let place = PlaceId {
            room: room.name.clone(),
            lane: delivered.partition,
            offset: delivered.offset,
        };
        let claims = PlaceClaims {
            joined_ms: delivered.timestamp.to_millis().unwrap_or_default(),
            ahead_at_join: ahead(&place, &heads),
            place,
        };
        let ticket = self.keys.seal(&claims).map_err(Error::Internal)?;
        Ok(Joined { claims, ticket })
    }
}

fn refused(error: rdkafka::error::KafkaError) -> Error {
    if kafka::is_queue_full(&error) { Error::Busy } else { Error::NotAcknowledged(error) }
}
