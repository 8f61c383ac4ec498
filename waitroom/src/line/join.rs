//! Joining: one acknowledged append is one place.

use std::sync::Arc;

use admission::contract::{HexBytes, Nonce, PlaceId};
use catalog::contract::Stop;
use kit::{
    kafka::{self, Kafka, Producer, ProducerBounds},
    token::SealRing,
};
use rdkafka::{error::KafkaError, producer::FutureRecord, types::RDKafkaErrorCode};

use crate::{
    error::Error,
    line::{
        LineEntry,
        straight::{Way, Ways},
    },
    place::{PlaceClaims, ahead},
    room::{live::Room, phase::Phase, sleep::TRUSTED},
};

/// A join that nobody waits for any more is seen through for so long.
const WATCHED_MS: u32 = 30_000;

/// Appends joins to the lines.
pub struct Joiner {
    producer: Producer,
    /// For joins that are watched after their answer was given.
    patient: Producer,
    kafka: Kafka,
    keys: Arc<SealRing>,
    /// Whether joins go into a line at all.
    ways: Ways,
}

/// A place that was acknowledged, with its sealed ticket.
pub struct Joined {
    pub claims: PlaceClaims,
    pub ticket: String,
}

impl Joiner {
    pub fn new(
        kafka: Kafka,
        keys: Arc<SealRing>,
        bounds: ProducerBounds,
        ways: Ways,
    ) -> anyhow::Result<Self> {
        let producer = Producer::new(kafka.clone(), bounds)?;
        let delivery_ms_max = WATCHED_MS.max(bounds.delivery_ms_max);
        let patient = Producer::new(kafka.clone(), ProducerBounds { delivery_ms_max, ..bounds })?;
        Ok(Self { producer, patient, kafka, keys, ways })
    }

    /// Whether a join has a chance of being acknowledged.
    pub fn is_ready(&self) -> bool {
        // Both are asked: asking replaces one that is fatal.
        let ready = [self.producer.is_ready(), self.patient.is_ready()];
        ready.into_iter().all(|ready| ready)
    }

    /// Appends a record to a lane of the room's line and waits for the acknowledgement of all
    /// in-sync replicas.
    ///
    /// # Errors
    /// The room does not take joins, the producer is full, or there was no acknowledgement in time.
    /// In the last case the record may still have been written; it is then a place that nobody
    /// holds, and passes as a no-show.
    pub async fn join(&self, room: &Arc<Room>) -> Result<Joined, Error> {
        takes_joins(room)?;
        let nonce = HexBytes(rand::random());
        let claims = self.append(&self.producer, room, nonce).await?;
        let ticket = self.keys.seal(&claims).map_err(Error::Internal)?;
        Ok(Joined { claims, ticket })
    }

    /// The same, for whoever finds the place later, with a nonce of theirs: waits for half a
    /// minute.
    ///
    /// # Errors
    /// As [`Joiner::join`]; but whether the room takes joins was asked before.
    pub async fn append_patiently(
        &self,
        room: &Arc<Room>,
        nonce: Nonce,
    ) -> Result<PlaceClaims, Error> {
        self.append(&self.patient, room, nonce).await
    }

    async fn append(
        &self,
        producer: &Producer,
        room: &Arc<Room>,
        nonce: Nonce,
    ) -> Result<PlaceClaims, Error> {
        let asked = room.known_since();
        let line = match self.ways.of(room).await? {
            Way::Straight(claims) => return Ok(claims),
            Way::Line(line) => line,
        };
        let entry = LineEntry { nonce }.to_bytes();
        let topic = self.kafka.name(&line.topic(&room.name));
        let record =
            FutureRecord::<(), _>::to(&topic).partition(room.pick_lane()).payload(&entry[..]);
        let delivery = producer.send(record).map_err(refused)?;
        let delivered = delivery
            .await
            .map_err(|_| Error::Internal(anyhow::anyhow!("the producer ended")))?
            .map_err(|(error, _)| refused(error))?;
        // So late, nobody knows whether the line had not ended before.
        if room.info().sleep.sleeps && asked.elapsed() > TRUSTED {
            return Err(refused(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut)));
        }
        // An append that was repeated and found already there is acknowledged without its offset.
        if delivered.offset < 0 {
            return Err(Error::Placeless { offset: delivered.offset });
        }
        let place = PlaceId {
            room: room.name.clone(),
            lane: delivered.partition,
            offset: line.base(delivered.partition) + delivered.offset,
        };
        room.joined(&place);
        Ok(PlaceClaims {
            joined_ms: delivered.timestamp.to_millis().unwrap_or_default(),
            ahead_at_join: ahead(&room.turn(&place), &room.line().heads),
            nonce,
            place,
        })
    }
}

/// Whether the room takes joins now.
///
/// # Errors
/// Why it does not.
pub fn takes_joins(room: &Room) -> Result<(), Error> {
    let info = room.info();
    match (info.phase, info.stop) {
        (Phase::Closed, Some(stop @ Stop::Withdrawn)) => Err(Error::SaleStopped(stop)),
        (Phase::Closed, _) => Err(Error::RoomClosed),
        (phase, _) if !phase.takes_joins() => Err(Error::RoomNotOpen),
        _ => Ok(()),
    }
}

fn refused(error: KafkaError) -> Error {
    if kafka::is_queue_full(&error) { Error::Busy } else { Error::NotAcknowledged(error) }
}
