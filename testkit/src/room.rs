//! Rooms to test with, and passes through their gates.

use std::sync::atomic::{AtomicI64, Ordering};

use admission::contract::{
    EntropySource, Gate, GateSettings, GateState, LineAt, LineMethod, Pacing, PassKeys, PlaceId,
    RoomName, generate_pass_key, put_gate,
};
use catalog::contract::ShowId;
use chrono::Utc;
use kit::{kafka::Kafka, redis::Redis};
use redis::AsyncTypedCommands;
use sqlx::PgPool;
use waitroom::contract::{NewRoom, Phase, RoomChange, change_room, create_room};

use crate::id;

/// A room for the show of the same name: one lane, and a gate that holds nobody up.
#[derive(Debug, Clone)]
pub struct RoomBuilder(NewRoom);

impl RoomBuilder {
    pub fn new(room: &str) -> Self {
        Self(NewRoom {
            room: id(room),
            show: id(room),
            lanes: 1,
            rate_per_sec: 1_000.0,
            max_active: 10_000,
            claim_window_secs: 60,
            message: String::new(),
            method: LineMethod::FirstCome,
            entropy_source: EntropySource::None,
            joins_at: None,
            opens_at: None,
            sleeps: false,
        })
    }

    pub fn show(mut self, show: &str) -> Self {
        self.0.show = id(show);
        self
    }

    pub fn lanes(mut self, lanes: i32) -> Self {
        self.0.lanes = lanes;
        self
    }

    pub fn rate_per_sec(mut self, rate_per_sec: f64) -> Self {
        self.0.rate_per_sec = rate_per_sec;
        self
    }

    pub fn max_active(mut self, max_active: i32) -> Self {
        self.0.max_active = max_active;
        self
    }

    pub fn claim_window_secs(mut self, secs: i32) -> Self {
        self.0.claim_window_secs = secs;
        self
    }

    /// How it orders those who come before it opens; by arrival unless this is said.
    pub fn method(mut self, method: LineMethod) -> Self {
        self.0.method = method;
        self
    }

    /// One that sleeps while nobody queues; awake for good unless this is said.
    pub fn sleeps(mut self) -> Self {
        self.0.sleeps = true;
        self
    }

    /// What is mixed into its draw; nothing unless this is said.
    pub fn entropy_source(mut self, source: EntropySource) -> Self {
        self.0.entropy_source = source;
        self
    }

    pub fn new_room(&self) -> NewRoom {
        self.0.clone()
    }

    /// Makes the room with its line; it is scheduled.
    pub async fn create(&self, pool: &PgPool, kafka: &Kafka) {
        create_room(pool, kafka, &self.0).await.expect("a room");
    }

    /// The same, open.
    pub async fn open(&self, pool: &PgPool, kafka: &Kafka) {
        self.create(pool, kafka).await;
        let open = RoomChange { phase: Some(Phase::Open), ..RoomChange::default() };
        change_room(pool, &self.0.room, &open).await.expect("an open room");
    }

    /// Only the room's gate, running, with nobody inside; again to change it.
    pub async fn gate(&self, pool: &PgPool, redis: &Redis) -> Gate {
        let NewRoom { lanes, rate_per_sec, max_active, claim_window_secs, .. } = self.0;
        let settings = GateSettings {
            room: self.0.room.clone(),
            lanes,
            rate_per_sec,
            max_active,
            claim_window_secs,
            state: GateState::Running,
            pacing: Pacing::default(),
            cohort: None,
            line: LineAt::default(),
        };
        let mut connection = pool.acquire().await.expect("a connection");
        put_gate(&mut connection, &settings).await.expect("a gate");
        let gate = Gate::new(redis.clone());
        gate.restore(&self.0.room, &[]).await.expect("an open gate");
        // As if their controllers had told what they granted: nothing.
        let lanes: Vec<(String, &str)> =
            (0..lanes).map(|lane| (format!("lane:{lane}"), "0 0 0 0")).collect();
        let key = redis.key("gate", &self.0.room);
        redis.connection().hset_multiple(key, &lanes).await.expect("known lanes");
        gate
    }
}

/// Signs passes, as a waiting room does for whoever was let in.
pub struct Passes {
    pub keys: PassKeys,
    next: AtomicI64,
}

impl Default for Passes {
    fn default() -> Self {
        let key = generate_pass_key().expect("a key");
        let keys = PassKeys::from_paserk(&key, "fairgate", "fairgate-checkout").expect("keys");
        Self { keys, next: AtomicI64::new(1_000_000) }
    }
}

impl Passes {
    /// A pass of a place nobody else has, good for two minutes.
    pub fn fresh(&self, room: &RoomName, show: &ShowId) -> String {
        let offset = self.next.fetch_add(1, Ordering::Relaxed);
        let place = PlaceId { room: room.clone(), lane: 0, offset };
        self.of_place(&place, show, 120)
    }

    /// A pass of this place, good for so many seconds.
    pub fn of_place(&self, place: &PlaceId, show: &ShowId, secs: i64) -> String {
        let now = Utc::now();
        let until = now + chrono::Duration::seconds(secs);
        self.keys.sign(place, show, now, until).expect("a pass")
    }
}
