//! A line of its own for each test.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use admission::contract::{
    ADMISSION_GROUP, Gate, GateSettings, GateState, HEADS_TOPIC, HeadsMoved, LEASES, LINE_SETTINGS,
    PaceMode, Pacing, PlaceId, RoomName, line_topic, put_gate,
};
use kit::{
    kafka::{Kafka, ProducerBounds, ReaderContext},
    serve::Tasks,
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier},
    client::DefaultClientContext,
    consumer::{Consumer, StreamConsumer},
    producer::FutureRecord,
};
use testkit::{OpenDoor, TestEnv};
use tokio_util::sync::CancellationToken;

fn room() -> RoomName {
    "t".parse().expect("a name")
}

/// Whoever was let in is expected to come, however long ago that was.
pub const CERTAIN: (&str, &str) =
    ("do chances[age] = number() end", "do number(); chances[age] = 1 end");

pub fn place(text: &str) -> PlaceId {
    text.parse().expect("a place")
}

pub struct TestLine {
    pub test_env: TestEnv,
    tasks: parking_lot::Mutex<Tasks>,
    settings: tokio::sync::Mutex<GateSettings>,
    pub room: RoomName,
    pub door: OpenDoor,
}

impl Drop for TestLine {
    fn drop(&mut self) {
        self.tasks.lock().stop().cancel();
    }
}

impl TestLine {
    pub async fn new(lanes: i32, change: impl FnOnce(&mut GateSettings)) -> Self {
        let test_env = TestEnv::new().await;
        let mut settings = GateSettings {
            room: room(),
            lanes,
            rate_per_sec: 1000.0,
            max_active: 1000,
            claim_window_secs: 60,
            state: GateState::Waiting,
            pacing: Pacing { mode: PaceMode::Fixed, ..Pacing::default() },
            cohort: None,
        };
        change(&mut settings);
        test_env.kafka.ensure_topic(&line_topic("t"), lanes, &LINE_SETTINGS).await.expect("topic");
        let door = OpenDoor::start(&test_env.redis);
        Self {
            test_env,
            tasks: Tasks::default().into(),
            settings: settings.into(),
            room: room(),
            door,
        }
    }

    pub fn gate(&self) -> Gate {
        Gate::new(self.test_env.redis.clone())
    }

    /// Appends `count` joins to the lanes in turn; gives the join time of each (lane, offset).
    pub async fn join(&self, count: i32) -> BTreeMap<(i32, i64), i64> {
        let lanes = self.settings.lock().await.lanes;
        let bounds =
            ProducerBounds { queue_messages_max: 1000, delivery_ms_max: 10_000, linger_ms: 0 };
        let producer = self.test_env.kafka.producer(bounds).expect("producer");
        let topic = self.test_env.kafka.name(&line_topic(&self.room));
        let mut joined = BTreeMap::new();
        for number in 0..count {
            let record = FutureRecord::<(), _>::to(&topic).partition(number % lanes).payload("{}");
            let delivery = producer.send(record, Duration::ZERO).await.expect("acknowledged");
            joined.insert(
                (delivery.partition, delivery.offset),
                delivery.timestamp.to_millis().expect("time"),
            );
        }
        joined
    }

    /// Starts another admission service, as another process would.
    pub fn serve(&self) {
        self.serve_with(self.gate());
    }

    /// The same with this gate.
    pub fn serve_with(&self, gate: Gate) {
        let (pool, kafka) = (self.test_env.pool.clone(), self.test_env.kafka.clone());
        admission::run(pool, kafka, gate, &self.tasks.lock()).expect("admission");
    }

    /// Stops all admission services in good order.
    pub async fn stop(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        tasks.drain().await;
    }

    /// A gate with lines of its scripts replaced.
    pub fn broken_gate(&self, lines: &[(&str, &str)]) -> Gate {
        Gate::broken(self.test_env.redis.clone(), lines)
    }

    /// Opens the room; nobody is inside.
    pub async fn open(&self) {
        self.gate().restore(&self.room, &[]).await.expect("restore");
        self.set(|gate| gate.state = GateState::Running).await;
    }

    pub async fn set(&self, change: impl FnOnce(&mut GateSettings)) {
        let mut settings = self.settings.lock().await;
        change(&mut settings);
        let mut connection = self.test_env.pool.acquire().await.expect("connection");
        put_gate(&mut connection, &settings).await.expect("settings");
    }

    /// All records published so far for this room.
    pub async fn heads(&self) -> Vec<HeadsMoved> {
        let reader: StreamConsumer<ReaderContext> = self.test_env.kafka.reader().expect("reader");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.test_env.kafka.name(HEADS_TOPIC), 0, Offset::Beginning)
            .expect("list");
        reader.assign(&list).expect("assign");
        let mut records = Vec::new();
        // The end of the partition is reported as an error of its own.
        while let Ok(Ok(message)) =
            tokio::time::timeout(Duration::from_secs(5), reader.recv()).await
        {
            records
                .push(serde_json::from_slice(message.payload().expect("payload")).expect("heads"));
        }
        records
    }

    fn at(records: &[HeadsMoved]) -> BTreeMap<i32, i64> {
        records.iter().flat_map(|record| &record.heads).map(|head| (head.lane, head.head)).collect()
    }

    pub async fn admitted(&self) -> i64 {
        Self::at(&self.heads().await).values().sum()
    }

    pub async fn admitted_places(&self) -> Vec<PlaceId> {
        let heads = Self::at(&self.heads().await);
        heads
            .into_iter()
            .flat_map(|(lane, head)| {
                (0..head).map(move |offset| PlaceId { room: room(), lane, offset })
            })
            .collect()
    }

    /// Waits until so many were let in.
    pub async fn heads_until(&self, count: i64) -> Vec<HeadsMoved> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let records = self.heads().await;
            let admitted: i64 = Self::at(&records).values().sum();
            if admitted >= count {
                return records;
            }
            assert!(Instant::now() < deadline, "only {admitted} of {count} were let in");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Which places have a slot kept for them, by `<lane>.<offset>`, and until when.
    pub async fn grants(&self) -> BTreeMap<String, i64> {
        let mut call = redis::cmd("ZRANGE");
        call.arg(self.test_env.redis.key("granted", &self.room)).arg(0).arg(-1).arg("WITHSCORES");
        let grants: Vec<(String, f64)> =
            call.query_async(&mut self.test_env.redis.connection()).await.expect("grants");
        grants.into_iter().map(|(place, until_ms)| (place, until_ms as i64)).collect()
    }

    /// The room's door clock, as the gate has it.
    pub async fn door_ms(&self) -> i64 {
        let mut call = redis::cmd("HGET");
        call.arg(self.test_env.redis.key("gate", &self.room)).arg("door_ms");
        let door_ms: Option<i64> =
            call.query_async(&mut self.test_env.redis.connection()).await.expect("a gate");
        door_ms.unwrap_or_default()
    }

    /// Keeps a slot for a place until then by the door clock.
    pub async fn grant(&self, place: &str, until_ms: i64) {
        let mut call = redis::cmd("ZADD");
        call.arg(self.test_env.redis.key("granted", &self.room)).arg(until_ms).arg(place);
        call.query_async::<()>(&mut self.test_env.redis.connection()).await.expect("granted");
    }

    /// Lets the grants that stand be so many seconds older.
    pub async fn age_grants(&self, secs: i64) {
        for (place, until_ms) in self.grants().await {
            self.grant(&place, until_ms - secs * 1000).await;
        }
    }

    /// Moves a lane's committed head, as a controller does that is killed before it publishes.
    pub async fn commit(&self, lane: i32, head: i64) {
        self.commit_as(ADMISSION_GROUP, lane, head).await;
    }

    /// The same, as a controller of the version that has this group.
    pub async fn commit_as(&self, group: &str, lane: i32, head: i64) {
        let consumer: rdkafka::consumer::BaseConsumer = self
            .test_env
            .kafka
            .consumer(group, rdkafka::consumer::DefaultConsumerContext)
            .expect("consumer");
        let mut list = TopicPartitionList::new();
        let topic = self.test_env.kafka.name(&line_topic(&self.room));
        list.add_partition_offset(&topic, lane, Offset::Offset(head)).expect("list");
        tokio::task::spawn_blocking(move || {
            consumer.commit(&list, rdkafka::consumer::CommitMode::Sync)
        })
        .await
        .expect("joined")
        .expect("committed");
    }

    /// Has Kafka refuse heads, or take them again.
    pub async fn refuse_heads(&self, refuse: bool) {
        self.test_env.kafka.ensure_topic(HEADS_TOPIC, 1, &[]).await.expect("topic");
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &self.test_env.kafka_brokers)
            .create()
            .expect("admin");
        let topic = self.test_env.kafka.name(HEADS_TOPIC);
        let change = AlterConfig::new(ResourceSpecifier::Topic(&topic))
            .set("min.insync.replicas", "1")
            .set("unclean.leader.election.enable", "false")
            .set("max.message.bytes", if refuse { "1" } else { "1048588" });
        admin
            .alter_configs([&change], &AdminOptions::new())
            .await
            .expect("asked")
            .remove(0)
            .expect("changed");
    }

    /// The place that was let in last, if its slot is made to last longer three times within two
    /// seconds.
    pub async fn kept_again_and_again(&self) -> Option<String> {
        let offset = |place: &str| {
            place.split('.').next_back().and_then(|offset| offset.parse::<i64>().ok())
        };
        let (mut seen, deadline) = (BTreeSet::new(), Instant::now() + Duration::from_secs(2));
        while Instant::now() < deadline {
            seen.extend(self.grants().await.into_iter().max_by_key(|(place, _)| offset(place)));
            let (last, _) = seen.iter().max_by_key(|(place, _)| offset(place))?;
            // The first are the gate's own word and the first try to publish.
            if seen.iter().filter(|(place, _)| place == last).count() > 4 {
                return Some(last.clone());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// A member of the controllers' group that does nothing with its lanes.
    pub async fn idle_controller(&self) -> IdleController {
        self.idle_controller_of(&self.test_env.kafka).await
    }

    /// The same, of a process that Kafka knows by that name.
    pub async fn idle_controller_of(&self, kafka: &Kafka) -> IdleController {
        let consumer: StreamConsumer = kafka
            .consumer(ADMISSION_GROUP, rdkafka::consumer::DefaultConsumerContext)
            .expect("consumer");
        kafka.ensure(&LEASES).await.expect("leases");
        let topic = self.test_env.kafka.name(LEASES.name);
        consumer.subscribe(&[&topic]).expect("subscribed");
        // Whoever comes later then gets what is left.
        while consumer.assignment().expect("its leases").count() == 0 {
            let _ = tokio::time::timeout(Duration::from_millis(100), consumer.recv()).await;
        }
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let polling = tokio::spawn(async move {
            // What it fetches is of no interest; fetching keeps it in the group.
            while stopped.run_until_cancelled(consumer.recv()).await.is_some() {}
            tokio::task::spawn_blocking(move || drop(consumer)).await.expect("left");
        });
        IdleController { stop, polling }
    }

    /// The gate as it is now, to be put back later.
    pub async fn copy_redis(&self) -> Vec<(String, Vec<u8>)> {
        let mut copy = Vec::new();
        for kind in ["gate", "granted", "active"] {
            let key = self.test_env.redis.key(kind, &self.room);
            let dump: Option<Vec<u8>> = redis::cmd("DUMP")
                .arg(&key)
                .query_async(&mut self.test_env.redis.connection())
                .await
                .expect("a dump");
            copy.extend(dump.map(|dump| (key, dump)));
        }
        copy
    }

    /// What happens to the gate when Redis comes back with old data.
    pub async fn put_back_redis(&self, copy: &[(String, Vec<u8>)]) {
        let mut pipe = redis::pipe();
        pipe.atomic();
        for kind in ["gate", "granted", "active"] {
            pipe.del(self.test_env.redis.key(kind, &self.room)).ignore();
        }
        for (key, dump) in copy {
            pipe.cmd("RESTORE").arg(key).arg(0).arg(dump).ignore();
        }
        let mut connection = self.test_env.redis.connection();
        pipe.exec_async(&mut connection).await.expect("restored");
    }

    /// What happens to the gate when Redis is lost.
    pub async fn lose_redis(&self) {
        let mut connection = self.test_env.redis.connection();
        for kind in ["gate", "granted", "active"] {
            let key = self.test_env.redis.key(kind, &self.room);
            redis::cmd("DEL").arg(key).query_async::<()>(&mut connection).await.expect("deleted");
        }
    }
}

/// Holds lanes, and lets nobody in.
pub struct IdleController {
    stop: CancellationToken,
    polling: tokio::task::JoinHandle<()>,
}

impl IdleController {
    /// Leaves the group.
    pub async fn leave(self) {
        self.stop.cancel();
        self.polling.await.expect("left");
    }
}

/// Heads never move back, and nobody is overtaken by much.
pub fn assert_in_order(joined: &BTreeMap<(i32, i64), i64>, records: &[HeadsMoved]) {
    let overtaken_ms = overtaken_ms_max(joined, records);
    assert!(overtaken_ms < 250, "overtaken by {overtaken_ms} ms");
}

/// How much earlier than somebody who was let in before did anybody join, at most.
pub fn overtaken_ms_max(joined: &BTreeMap<(i32, i64), i64>, records: &[HeadsMoved]) -> i64 {
    let mut overtaken_ms = 0;
    let mut heads: BTreeMap<i32, i64> = BTreeMap::new();
    let mut latest = 0;
    for record in records {
        let mut newest = latest;
        for head in &record.heads {
            let before = heads.insert(head.lane, head.head).unwrap_or(0);
            assert!(
                head.head >= before,
                "lane {} moved back from {before} to {}",
                head.lane,
                head.head
            );
            for offset in before..head.head {
                let joined_ms = joined[&(head.lane, offset)];
                overtaken_ms = overtaken_ms.max(latest - joined_ms);
                newest = newest.max(joined_ms);
            }
        }
        latest = newest;
    }
    overtaken_ms
}
