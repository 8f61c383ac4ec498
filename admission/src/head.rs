//! The topic `heads`: what every waiting-room instance follows.

pub mod snapshot;

use anyhow::Context;
use chrono::{DateTime, Utc};
use kit::{
    http::RequestId,
    kafka::{Kafka, Producer, Topic},
};
use rdkafka::producer::FutureRecord;
use serde::{Deserialize, Serialize};

use crate::{pace::PaceReport, place::RoomName, signal::LineStock};

/// One partition, so that a room's heads stand in one order.
pub const HEADS_TOPIC: &str = "heads";
/// As whoever starts first makes it. A week is longer than any sale is paused without a word:
/// controllers publish again whenever they take over a lane and once an hour.
pub const HEADS: Topic =
    Topic { name: HEADS_TOPIC, partitions: 1, retention_ms: "604800000", compacted: false };

/// The heads of some lanes of a room, published after the offsets were committed. Heads are
/// absolute and only grow, so reading a record twice or out of order does no harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeadsMoved {
    pub room: RoomName,
    pub at: DateTime<Utc>,
    /// Until when those whom this record lets in may claim their pass.
    pub claim_until: DateTime<Utc>,
    /// The pace asked for when this was published.
    pub rate_per_sec: f64,
    pub heads: Vec<LaneHead>,
    /// Where each of `heads` stood before, in the same order; none in records of earlier versions.
    /// A reader that knows a lower head does not know when the places in between were let in.
    #[serde(default)]
    pub from: Vec<i64>,
    /// Whether the draw was made: heads and ends count turns, which before are offsets.
    #[serde(default)]
    pub drawn: bool,
    /// How long the room's door has been open so far, in milliseconds. Claim windows run by this
    /// clock, which stands still while passes cannot be redeemed. `None` in records of earlier
    /// versions.
    #[serde(default)]
    pub door_ms: Option<i64>,
    /// Whether fans with a pass can go in now.
    #[serde(default = "yes")]
    pub door_open: bool,
    #[serde(default)]
    pub pace: Option<PaceReport>,
    /// What is left of the show, as far as it is known.
    #[serde(default)]
    pub stock: Option<LineStock>,
}

fn yes() -> bool {
    true
}

/// Where one lane stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LaneHead {
    pub lane: i32,
    /// The next offset to be let in: all before it have been.
    pub head: i64,
    /// The next offset to be written: so many have joined.
    pub tail: i64,
}

/// Creates the topic if it is not there.
pub async fn ensure_heads_topic(kafka: &Kafka) -> anyhow::Result<()> {
    kafka.ensure(&HEADS).await
}

/// Publishes and waits for the acknowledgement.
pub(crate) async fn publish(
    producer: &Producer,
    topic: &str,
    moved: &HeadsMoved,
) -> anyhow::Result<()> {
    append(producer, topic, moved.room.as_str(), serde_json::to_vec(moved)?).await
}

/// Appends to a topic's one partition and waits for the acknowledgement.
pub(crate) async fn append(
    producer: &Producer,
    topic: &str,
    key: &str,
    payload: Vec<u8>,
) -> anyhow::Result<()> {
    let record = FutureRecord::to(topic)
        .key(key)
        .partition(0)
        .headers(kit::kafka::headers(&RequestId::fresh()))
        .payload(&payload);
    producer
        .send(record)?
        .await
        .context("the producer was dropped")?
        .map_err(|(error, _)| error)?;
    Ok(())
}
