//! Lines without a waiting room before them: joins appended directly, heads looked up directly.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use admission::contract::{ADMISSION_GROUP, Gate, HexBytes, LANES_A_LEASE, line_topic};
use kit::kafka::{Kafka, ProducerBounds};
use ops::settings::Stores;
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, DefaultConsumerContext},
    producer::{FutureProducer, FutureRecord},
};
use testkit::OpenDoor;
use waitroom::contract::LineEntry;

use crate::test_system::{Terms, room};

/// How long a line may take to move as far as a test needs.
const MOVES_WITHIN: Duration = Duration::from_secs(20);

pub fn producer(kafka: &Kafka) -> FutureProducer {
    let bounds = ProducerBounds { queue_messages_max: 10_000, delivery_ms_max: 5000, linger_ms: 0 };
    kafka.producer(bounds).expect("a producer")
}

/// So many that several processes have some of them, as good as certainly.
pub const SHARED_LANES: i32 = 16 * LANES_A_LEASE;

/// A room's line.
pub struct Line {
    stores: Stores,
    room: String,
    lanes: i32,
    topic: String,
    producer: FutureProducer,
    group: Arc<BaseConsumer>,
    /// Stands for a checkout.
    _door: OpenDoor,
}

impl Line {
    /// The line of a room that is there.
    pub fn of(stores: &Stores, room: &str, lanes: i32) -> Self {
        let group: BaseConsumer =
            stores.kafka.consumer(ADMISSION_GROUP, DefaultConsumerContext).expect("a consumer");
        Self {
            stores: stores.clone(),
            room: room.to_owned(),
            lanes,
            topic: stores.kafka.name(&line_topic(room)),
            producer: producer(&stores.kafka),
            group: Arc::new(group),
            _door: OpenDoor::start(&stores.redis),
        }
    }

    /// The line of a new open room whose gate may grant.
    pub async fn open(stores: &Stores, name: &str, terms: &Terms) -> Self {
        room(stores, name, terms).await;
        let line = Self::of(stores, name, terms.lanes);
        line.ready_gate().await;
        line
    }

    /// Lets the room's gate grant, as checkout does once it has registered who is inside.
    pub async fn ready_gate(&self) {
        Gate::new(self.stores.redis.clone()).restore(&self.room, &[]).await.expect("a ready gate");
    }

    /// Appends `count` joins to a lane.
    pub async fn join(&self, lane: i32, count: usize) {
        let entry = LineEntry { nonce: HexBytes(rand::random()) }.to_bytes();
        let sent = (0..count).map(|_| {
            let record = FutureRecord::<(), _>::to(&self.topic).partition(lane).payload(&entry[..]);
            self.producer.send(record, Duration::ZERO)
        });
        for acknowledged in futures::future::join_all(sent).await {
            acknowledged.expect("an acknowledged join");
        }
    }

    /// Appends `count` joins, one after the other, to the lanes in turn.
    pub async fn join_in_turn(&self, count: i32) {
        for each in 0..count {
            self.join(each % self.lanes, 1).await;
        }
    }

    /// Appends fans who joined early to the lanes of three leases, and 2.5 s later others to the
    /// rest: whoever has an odd one of the three is through with the early ones sooner, or later.
    /// Gives how many they are.
    pub async fn join_early_and_late(&self) -> i64 {
        let early = 3 * LANES_A_LEASE;
        for lane in 0..early {
            self.join(lane, 10).await;
        }
        tokio::time::sleep(Duration::from_millis(2500)).await;
        for lane in early..self.lanes {
            self.join(lane, 1).await;
        }
        i64::from(early * 10 + self.lanes - early)
    }

    /// The heads: the committed offsets.
    pub async fn heads(&self) -> BTreeMap<i32, i64> {
        let (group, topic, lanes) = (self.group.clone(), self.topic.clone(), self.lanes);
        let look = move || {
            let mut list = TopicPartitionList::new();
            list.add_partition_range(&topic, 0, lanes - 1);
            let found =
                group.committed_offsets(list, Duration::from_secs(5)).expect("committed offsets");
            let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
            found
                .elements()
                .iter()
                .map(|element| (element.partition(), offset(element.offset())))
                .collect()
        };
        tokio::task::spawn_blocking(look).await.expect("heads")
    }

    /// Commits a lane's head, as its controller would.
    pub async fn commit(&self, lane: i32, head: i64) {
        let (group, topic) = (self.group.clone(), self.topic.clone());
        let commit = move || {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&topic, lane, Offset::Offset(head)).expect("an offset");
            group.commit(&list, CommitMode::Sync).expect("committed");
        };
        tokio::task::spawn_blocking(commit).await.expect("a head");
    }

    /// How many were let in.
    pub async fn admitted(&self) -> i64 {
        self.heads().await.values().sum()
    }

    /// Waits until so many were let in.
    pub async fn await_admitted(&self, count: i64) {
        let began = Instant::now();
        while self.admitted().await < count {
            let admitted = self.admitted().await;
            assert!(began.elapsed() < MOVES_WITHIN, "only {admitted} of {count} were let in");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
