//! Many rooms at one process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use admission::contract::{
    ADMISSION_GROUP, GateState, HeadsMoved, LEASES, LINE_SETTINGS, RoomName, admission_group,
    line_topic, put_gate,
};
use kit::kafka::Kafka;
use rdkafka::{
    ClientContext,
    consumer::{
        BaseConsumer, Consumer, ConsumerContext, DefaultConsumerContext, Rebalance, StreamConsumer,
    },
};
use testkit::eventually;
use tokio::time::{sleep, timeout};

use crate::test_line::TestLine;

/// Counts how often the group shares its leases anew.
struct Counted(Arc<AtomicUsize>);

impl ClientContext for Counted {}

impl ConsumerContext for Counted {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, _: &Rebalance<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A member of the group that sees when it shares anew. It must be polled.
async fn watcher(kafka: &Kafka) -> (StreamConsumer<Counted>, Arc<AtomicUsize>) {
    kafka.ensure(&LEASES).await.unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let consumer: StreamConsumer<Counted> =
        kafka.consumer(ADMISSION_GROUP, Counted(seen.clone())).unwrap();
    consumer.subscribe(&[&kafka.name(LEASES.name)]).unwrap();
    (consumer, seen)
}

/// Opens another room with the settings of the first.
async fn wake(line: &TestLine, name: &str) -> RoomName {
    let room: RoomName = name.parse().unwrap();
    let kafka = &line.test_env.kafka;
    kafka.ensure_topic(&line_topic(name), 4, &LINE_SETTINGS).await.unwrap();
    line.gate().restore(&room, &[]).await.unwrap();
    let gates = admission::contract::open_gates(&line.test_env.pool).await.unwrap();
    let mut gate = gates.into_iter().find(|gate| gate.room == line.room).unwrap();
    gate.room = room.clone();
    gate.state = GateState::Running;
    let mut connection = line.test_env.pool.acquire().await.unwrap();
    put_gate(&mut connection, &gate).await.unwrap();
    room
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_wakes_or_falls_asleep_moves_no_other_rooms_lanes() {
    let line = TestLine::new(4, |gate| gate.rate_per_sec = 50.0).await;
    line.serve();
    line.open().await;
    line.join(40).await;
    line.heads_until(40).await;
    let (watcher, seen) = watcher(&line.test_env.kafka).await;
    let polled = tokio::spawn(async move {
        loop {
            let _ = watcher.recv().await;
        }
    });
    eventually("it is a member", async || (seen.load(Ordering::Relaxed) > 0).then_some(())).await;
    sleep(Duration::from_secs(3)).await;
    let before = seen.load(Ordering::Relaxed);
    let mut woken = Vec::new();
    for number in 0..5 {
        woken.push(wake(&line, &format!("woken-{number}")).await);
    }
    sleep(Duration::from_secs(2)).await;
    for room in &woken {
        let update = sqlx::query("UPDATE admission.gates SET state = 'closed' WHERE room = $1");
        update.bind(&**room).execute(&line.test_env.pool).await.unwrap();
    }
    sleep(Duration::from_secs(2)).await;
    assert_eq!(seen.load(Ordering::Relaxed), before, "nothing was shared anew");
    // The watcher would have seen it: somebody else joins.
    line.serve();
    eventually("another joins", async || (seen.load(Ordering::Relaxed) > before).then_some(()))
        .await;
    polled.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_moved_from_where_an_earlier_version_left_it_once_that_is_gone() {
    let line = TestLine::new(1, |_| {}).await;
    line.join(10).await;
    let group = admission_group(&line.room);
    line.commit_as(&group, 0, 4).await;
    // A controller of that version is still there.
    let kafka = &line.test_env.kafka;
    let earlier: StreamConsumer = kafka.consumer(&group, DefaultConsumerContext).unwrap();
    earlier.subscribe(&[&kafka.name(&line_topic(&line.room))]).unwrap();
    timeout(Duration::from_secs(9), earlier.recv()).await.expect("a member").unwrap();
    line.serve();
    line.open().await;
    let polling = timeout(Duration::from_secs(3), async {
        loop {
            let _ = earlier.recv().await;
        }
    });
    assert!(polling.await.is_err());
    assert_eq!(line.admitted().await, 0, "two versions would both move it");
    tokio::task::spawn_blocking(move || drop(earlier)).await.unwrap();
    let records = line.heads_until(10).await;
    let stood: Vec<i64> = records.iter().flat_map(|moved| moved.from.iter().copied()).collect();
    assert!(stood.iter().all(|from| *from >= 4), "nobody is let in again: {stood:?}");
}

/// How often a room's gate was asked.
async fn asked(line: &TestLine) -> i64 {
    let mut call = redis::cmd("HGET");
    call.arg(line.test_env.redis.key("gate", &line.room)).arg("asked");
    let mut connection = line.test_env.redis.connection();
    let asked: Option<i64> = call.query_async(&mut connection).await.unwrap();
    asked.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_of_a_quiet_room_is_hardly_asked_and_whoever_joins_does_not_wait_for_that() {
    let line = TestLine::new(4, |gate| gate.rate_per_sec = 20.0).await;
    let counts = "redis.call('HINCRBY', gate, 'asked', 1)\nlocal arg = 0";
    line.serve_with(line.broken_gate(&[("local arg = 0", counts)]));
    line.open().await;
    line.join(1).await;
    line.heads_until(1).await;
    // Whoever was let in comes, so that nobody is waited for.
    let place = line.admitted_places().await.remove(0);
    let expires = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    line.gate().activate(&place, "s", expires, 10).await.unwrap();
    sleep(Duration::from_secs(5)).await;
    let before = asked(&line).await;
    assert!(before > 0, "it is counted");
    sleep(Duration::from_secs(10)).await;
    let quiet = asked(&line).await - before;
    assert!(quiet <= 2, "asked {quiet} times in ten seconds in which nobody waited");

    let mut waited_ms = Vec::new();
    for number in 2..7 {
        let joined = line.join(1).await;
        let ((lane, offset), joined_ms) = joined.into_iter().next().unwrap();
        let passed = |moved: &HeadsMoved| {
            moved.heads.iter().any(|head| head.lane == lane && head.head > offset)
        };
        let records = line.heads_until(number).await;
        let first = records.iter().find(|moved| passed(moved)).unwrap();
        waited_ms.push(first.at.timestamp_millis() - joined_ms);
        sleep(Duration::from_millis(700)).await;
    }
    waited_ms.sort_unstable();
    assert!(waited_ms[2] < 300, "{waited_ms:?}");
}
