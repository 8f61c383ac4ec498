//! Noticing that the reader of `heads` stands still: then this instance tells old things of all
//! rooms, while others tell new ones. A room whose own controller is silent is another matter.

use std::{sync::Arc, time::Duration};

use admission::contract::HEADS;
use kit::{
    kafka::{Kafka, Producer, ProducerBounds},
    serve::Tasks,
};
use parking_lot::Mutex;

use crate::room::live::rooms::Rooms;

const LOOK_EVERY: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Asks where the topic ends and sends nothing.
const ASKS: ProducerBounds =
    ProducerBounds { queue_messages_max: 100, delivery_ms_max: 2_000, linger_ms: 0 };

/// Where the topic ended at a look, and how often the reader had met anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub end: i64,
    pub heard: usize,
}

/// Whether the reader stands: the topic grew, and for a whole round after that it met nothing.
pub fn stands([first, second, now]: [Look; 3]) -> bool {
    second.end > first.end && now.heard == first.heard
}

/// Starts looking, while some room's line is not told of.
pub fn start(rooms: &Arc<Rooms>, kafka: &Kafka, tasks: &Tasks) -> anyhow::Result<()> {
    let asker = Arc::new(Producer::new(kafka.clone(), ASKS)?);
    let topic: Arc<str> = kafka.name(HEADS.name).into();
    let before: Arc<Mutex<Vec<Look>>> = Arc::default();
    let rooms = rooms.clone();
    tasks.every("watch the reader of heads", LOOK_EVERY, move || {
        let (rooms, asker, topic) = (rooms.clone(), asker.clone(), topic.clone());
        let before = before.clone();
        async move {
            if !rooms.some_stale() {
                rooms.note_reader(false);
                before.lock().clear();
                return Ok(());
            }
            let heard = rooms.heard();
            let ends =
                tokio::task::spawn_blocking(move || asker.watermarks(&topic, 0, ANSWER_WITHIN));
            // While Kafka is away nothing is known, and nothing is published.
            let (_, end) = ends.await??;
            let mut looks = before.lock();
            looks.push(Look { end, heard });
            if let [.., first, second, now] = looks[..] {
                let stands = stands([first, second, now]);
                if stands {
                    tracing::error!(end, "heads are published, and none is read");
                }
                rooms.note_reader(stands);
                looks.remove(0);
            }
            Ok(())
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use admission::contract::{HeadsMoved, LaneHead, ensure_heads_topic};
    use chrono::{TimeDelta, Utc};
    use kit::kafka::reader::Read;
    use rdkafka::producer::FutureRecord;
    use testkit::{TestEnv, eventually};

    use super::*;
    use crate::{room::phase::Phase, store::RoomRow};

    fn tick(secs_ago: i64) -> Read<HeadsMoved> {
        let at = Utc::now() - TimeDelta::seconds(secs_ago);
        let event = HeadsMoved {
            room: "r".parse().expect("a name"),
            at,
            claim_until: at,
            rate_per_sec: 1.0,
            heads: vec![LaneHead { lane: 0, head: 0, tail: 1 }],
            from: vec![0],
            drawn: false,
            door_ms: Some(0),
            door_open: true,
            pace: None,
            stock: None,
        };
        Read::Event { event, at_ms: None }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reader_that_stands_is_noticed_and_one_that_goes_on_too() {
        let (env, tasks, rooms) = (TestEnv::new().await, Tasks::default(), Arc::<Rooms>::default());
        ensure_heads_topic(&env.kafka).await.expect("the topic");
        rooms.follow_room(std::time::Instant::now(), &RoomRow::for_tests("r", Phase::Open), None);
        rooms.follow_heads(tick(60));
        start(&rooms, &env.kafka, &tasks).expect("a watch");
        // Others tick on, and nobody reads it here.
        let (others, topic) =
            (Producer::new(env.kafka.clone(), ASKS).expect("a producer"), env.kafka.name("heads"));
        eventually("it is noticed", async || {
            let record = FutureRecord::<(), _>::to(&topic).partition(0).payload("{}");
            // A broker may not know a new topic yet; the next one is taken.
            let _ = others.send(record).expect("queued").await;
            rooms.reader_stands().then_some(())
        })
        .await;
        rooms.follow_heads(tick(0));
        eventually("it goes on", async || (!rooms.reader_stands()).then_some(())).await;
        tasks.stop().cancel();
    }

    #[test]
    fn a_reader_stands_when_it_hears_nothing_of_what_is_published() {
        let look = |end, heard| Look { end, heard };
        assert!(stands([look(10, 4), look(11, 4), look(12, 4)]));
        assert!(!stands([look(10, 4), look(11, 4), look(12, 5)]), "it reads");
        assert!(!stands([look(10, 4), look(10, 4), look(11, 4)]), "it may be about to");
        assert!(!stands([look(10, 4); 3]), "the controllers are silent");
    }
}
