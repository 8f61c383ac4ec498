//! A line with people in it, moved by the test.

use std::{collections::HashMap, sync::Arc};

use admission::contract::{
    Gate, HEADS_TOPIC, HeadsMoved, LaneHead, PaceReport, PassKeys, RoomName, generate_pass_key,
};
use axum::Router;
use chrono::{TimeDelta, Utc};
use kit::{
    kafka::{Kafka, Producer, ProducerBounds},
    serve::Tasks,
    settings::Settings,
};
use rdkafka::producer::FutureRecord;
use serde_json::{Value, json};
use waitroom::{App, Config};

use crate::{Client, RoomBuilder, TestEnv, eventually, id};

/// So slow that only the next two or three have their turn within ten minutes.
const PER_SEC: f64 = 0.005;

/// The line of an open room, with one waiting room and no controllers, until it is dropped.
pub struct TestLine {
    room: RoomName,
    router: Router,
    kafka: Kafka,
    producer: Producer,
    tickets: Vec<String>,
    tasks: Tasks,
}

impl Drop for TestLine {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

impl TestLine {
    /// The line for `show`, with so many `fans` waiting; `settings` has `FAIRGATE_PLACE_KEYS`.
    pub async fn open(
        test_env: &TestEnv,
        settings: &HashMap<String, String>,
        show: &str,
        fans: usize,
    ) -> Self {
        RoomBuilder::new(show).rate_per_sec(PER_SEC).open(&test_env.pool, &test_env.kafka).await;
        let mut reading = Settings::new(settings);
        let config = Config::from_settings(&mut reading);
        reading.finish().expect("settings");
        let pass_key = generate_pass_key().expect("a key");
        let keys = PassKeys::from_paserk(&pass_key, "fairgate", "checkout").expect("keys");
        let (pool, redis, kafka) =
            (test_env.pool.clone(), test_env.redis.clone(), test_env.kafka.clone());
        let gate = Gate::new(redis.clone());
        let app = App::new(config, pool.clone(), redis, gate, kafka.clone(), Arc::new(keys));
        let (app, tasks) = (app.expect("a waiting room"), Tasks::default());
        waitroom::run(&app, pool, kafka.clone(), &tasks);
        let routers = waitroom::router(app);
        let (router, _) = routers.joining.merge(routers.waiting).split_for_parts();
        let bounds =
            ProducerBounds { queue_messages_max: 100, delivery_ms_max: 5_000, linger_ms: 0 };
        let producer = Producer::new(kafka.clone(), bounds).expect("a producer");
        let router = kit::http::stack(router);
        let mut line = Self { room: id(show), router, kafka, producer, tickets: Vec::new(), tasks };
        line.join(fans).await;
        line
    }

    async fn join(&mut self, fans: usize) {
        let path = format!("/v1/rooms/{}/places", self.room);
        for _ in 0..fans {
            let ticket = eventually("a place", async || {
                let reply = Client::of(&self.router).post(&path).send().await;
                reply.body["ticket"].as_str().map(str::to_owned)
            });
            let ticket = ticket.await;
            self.tickets.push(ticket);
        }
    }

    /// Has the line stand at `head` now.
    pub async fn move_to(&self, head: i64) {
        let now = Utc::now();
        let moved = HeadsMoved {
            room: self.room.clone(),
            at: now,
            claim_until: now + TimeDelta::seconds(60),
            rate_per_sec: PER_SEC,
            heads: vec![LaneHead { lane: 0, head, tail: self.tickets.len() as i64 }],
            from: vec![head],
            drawn: false,
            door_ms: Some(0),
            door_open: true,
            pace: Some(PaceReport { per_sec: PER_SEC, show_share: 1.0, ..PaceReport::default() }),
            stock: None,
        };
        let (topic, payload) =
            (self.kafka.name(HEADS_TOPIC), serde_json::to_vec(&moved).expect("json"));
        let record = FutureRecord::<(), _>::to(&topic).partition(0).payload(&payload);
        self.producer.send(record).expect("queued").await.expect("sent").expect("written");
    }

    /// The fan of this number, from 0, asks for a mail near their turn.
    ///
    /// # Panics
    /// Where it is refused for good.
    pub async fn ask_for_mail(&self, fan: usize, email: &str, language: &str) {
        let body = json!({ "email": email, "language": language });
        self.call_mail("PUT", fan, &body).await;
    }

    /// The fan of this number wants none any more.
    pub async fn take_mail_back(&self, fan: usize) {
        self.call_mail("DELETE", fan, &Value::Null).await;
    }

    async fn call_mail(&self, method: &str, fan: usize, body: &Value) {
        let path = format!("/v1/rooms/{}/place/mail", self.room);
        let client = Client::of(&self.router);
        eventually("a wish that is taken", async || {
            let call = client.call(method.parse().expect("a method"), &path);
            let reply = call.bearer(&self.tickets[fan]).json(body).send().await;
            assert!(reply.status.is_success() || reply.status == 503, "{}", reply.body);
            reply.status.is_success().then_some(())
        })
        .await;
    }
}
