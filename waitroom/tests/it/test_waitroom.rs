//! A waiting room of its own for each test, called without a socket.

use std::{collections::HashMap, sync::Arc};

use admission::contract::{
    Gate, HEADS_TOPIC, HeadsMoved, HexBytes, PassKeys, ensure_heads_topic, generate_pass_key,
};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use kit::{
    kafka::{Kafka, Producer, ProducerBounds},
    redis::Redis,
    serve::Tasks,
    settings::Settings,
    token::{SealRing, generate_seal_key},
};
use rdkafka::{
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureRecord},
};
use serde_json::Value;
use testkit::{Client, OpenDoor, Reply, RoomBuilder, ShowBuilder, TestEnv, eventually};
use tower::ServiceExt;
use waitroom::{
    App, Config,
    contract::{Phase, PlaceClaims, RoomChange, change_room},
};

pub struct TestWaitroom {
    pub test_env: TestEnv,
    pub instance: Instance,
    tasks: Tasks,
    env: HashMap<String, String>,
    pass_key: String,
    /// Stands for a checkout.
    /// Kept open as long as the test runs.
    _door: OpenDoor,
}

impl Drop for TestWaitroom {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

/// What controllers would publish.
pub struct Told {
    kafka: Kafka,
    producer: Producer,
}

impl Told {
    async fn new(test_env: &TestEnv) -> Self {
        ensure_heads_topic(&test_env.kafka).await.expect("the topic");
        let bounds =
            ProducerBounds { queue_messages_max: 100, delivery_ms_max: 5_000, linger_ms: 0 };
        let producer = Producer::new(test_env.kafka.clone(), bounds).expect("a producer");
        Self { kafka: test_env.kafka.clone(), producer }
    }

    pub async fn publish(&self, moved: &HeadsMoved) {
        let (topic, payload) =
            (self.kafka.name(HEADS_TOPIC), serde_json::to_vec(moved).expect("json"));
        let record = FutureRecord::<(), _>::to(&topic).partition(0).payload(&payload);
        self.producer.send(record).expect("queued").await.expect("sent").expect("written");
    }
}

/// One process's waiting room.
pub struct Instance {
    app: App,
    router: Router,
}

/// The stable id of a problem body.
pub fn id_of(body: &Value) -> String {
    body["type"].as_str().unwrap_or_default().trim_start_matches("urn:fairgate:problem:").to_owned()
}

impl TestWaitroom {
    /// Room `r` for show `s`, scheduled, with admission running.
    pub async fn create(lanes: i32, rate_per_sec: f64, claim_window_secs: i32) -> Self {
        let room = RoomBuilder::new("r").show("s").lanes(lanes).rate_per_sec(rate_per_sec);
        Self::of(room.max_active(1_000).claim_window_secs(claim_window_secs)).await
    }

    /// The room `r` that is built so, scheduled, with admission running.
    pub async fn of(room: RoomBuilder) -> Self {
        let test_env = TestEnv::new().await;
        room.create(&test_env.pool, &test_env.kafka).await;
        let gate = Gate::new(test_env.redis.clone());
        gate.restore("r", &[]).await.expect("gate");
        let tasks = Tasks::default();
        admission::run(test_env.pool.clone(), test_env.kafka.clone(), gate, &tasks)
            .expect("admission");
        let mut env = test_env.settings();
        env.insert("FAIRGATE_PLACE_KEYS".into(), generate_seal_key().expect("key"));
        let pass_key = generate_pass_key().expect("key");
        let instance = start(&test_env, &env, &pass_key, &test_env.kafka, &tasks).await;
        let door = OpenDoor::start(&test_env.redis);
        Self { test_env, instance, tasks, env, pass_key, _door: door }
    }

    /// The same, open.
    pub async fn open(lanes: i32, rate_per_sec: f64) -> Self {
        let waitroom = Self::create(lanes, rate_per_sec, 60).await;
        waitroom.set_phase(Phase::Open).await;
        waitroom
    }

    pub async fn another_instance(&self) -> Instance {
        start(&self.test_env, &self.env, &self.pass_key, &self.test_env.kafka, &self.tasks).await
    }

    /// One that browsers reach at `public`.
    pub async fn instance_at(&self, public: &str) -> Instance {
        self.instance_with("FAIRGATE_PUBLIC_URL", public).await
    }

    /// One with this setting.
    pub async fn instance_with(&self, key: &str, value: &str) -> Instance {
        let mut env = self.env.clone();
        env.insert(key.into(), value.into());
        start(&self.test_env, &env, &self.pass_key, &self.test_env.kafka, &self.tasks).await
    }

    /// One that has read the heads, and whose joins reach no broker.
    pub async fn instance_without_broker(&self) -> Instance {
        let mut env = self.env.clone();
        env.insert("FAIRGATE_JOIN_QUEUE_MAX".into(), "100".into());
        env.insert("FAIRGATE_JOIN_MS_MAX".into(), "1500".into());
        let instance = build(
            &self.test_env,
            &env,
            &self.pass_key,
            &self.nowhere(),
            &self.test_env.kafka,
            &self.tasks,
        );
        instance.head_when(|_| true).await;
        instance
    }

    /// One that has read the heads, and whose joins go to a broker that answers what it is told to.
    pub async fn instance_with_broker(
        &self,
        broker: &MockCluster<'_, DefaultProducerContext>,
    ) -> Instance {
        broker.create_topic(&self.test_env.kafka.name("line.r"), 1, 1).expect("a topic");
        let joins = Kafka::new(&broker.bootstrap_servers(), &self.test_env.namespace, 1);
        let instance = build(
            &self.test_env,
            &self.env,
            &self.pass_key,
            &joins,
            &self.test_env.kafka,
            &self.tasks,
        );
        instance.head_when(|_| true).await;
        instance
    }

    /// One that knows its rooms and cannot read their heads.
    pub fn instance_without_heads(&self) -> Instance {
        build(
            &self.test_env,
            &self.env,
            &self.pass_key,
            &self.test_env.kafka,
            &self.nowhere(),
            &self.tasks,
        )
    }

    /// One that follows heads which the test publishes, and no controller does.
    pub async fn instance_told(&self) -> (Instance, Told) {
        let told = Told::new(&self.test_env.with_other_topics("told")).await;
        let instance = build(
            &self.test_env,
            &self.env,
            &self.pass_key,
            &self.test_env.kafka,
            &told.kafka,
            &self.tasks,
        );
        instance.head_when(|_| true).await;
        (instance, told)
    }

    /// One whose joins take longer than it waits for them.
    pub async fn instance_that_hurries(&self) -> Instance {
        let mut env = self.env.clone();
        env.insert("FAIRGATE_JOIN_LINGER_MS".into(), "100".into());
        // A moment after it is sent, and before anybody can have answered.
        env.insert("FAIRGATE_JOIN_MS_MAX".into(), "101".into());
        start(&self.test_env, &env, &self.pass_key, &self.test_env.kafka, &self.tasks).await
    }

    /// One without Redis.
    pub async fn instance_without_redis(&self) -> Instance {
        let redis = Redis::connect("redis://127.0.0.1:1", &self.test_env.namespace).expect("redis");
        let test_env = TestEnv { redis, ..self.test_env.clone() };
        start(&test_env, &self.env, &self.pass_key, &self.test_env.kafka, &self.tasks).await
    }

    /// A Kafka that is not there.
    fn nowhere(&self) -> Kafka {
        Kafka::new("127.0.0.1:1", &self.test_env.namespace, 1)
    }

    /// Changes the phase and waits until the instance follows.
    pub async fn set_phase(&self, phase: Phase) {
        let change = RoomChange { phase: Some(phase), ..RoomChange::default() };
        change_room(&self.test_env.pool, "r", &change).await.expect("phase");
        self.instance.head_when(|head| head["phase"] == phase.to_string()).await;
    }

    pub fn ticket_of_another_room(&self) -> String {
        let ring = SealRing::from_paserk(&self.env["FAIRGATE_PLACE_KEYS"], "fairgate.place.v1")
            .expect("ring");
        let claims = PlaceClaims {
            place: "other.0.0".parse().expect("a place"),
            joined_ms: 0,
            ahead_at_join: 0,
            nonce: HexBytes([0; 16]),
        };
        ring.seal(&claims).expect("ticket")
    }

    pub async fn put_show(&self) {
        let show = ShowBuilder::new("s").title("A show");
        let show = show.starts_at("2031-05-01T18:00:00Z".parse().expect("a time"));
        show.put_in_catalog(&self.test_env.pool).await;
    }
}

async fn start(
    test_env: &TestEnv,
    env: &HashMap<String, String>,
    pass_key: &str,
    kafka: &Kafka,
    tasks: &Tasks,
) -> Instance {
    let instance = build(test_env, env, pass_key, kafka, kafka, tasks);
    // The room is known once it was read from the database, and stands where it does once its heads
    // were read.
    instance.head_when(|_| true).await;
    instance
}

/// An instance that appends joins to one Kafka and follows heads and catalog in the other.
fn build(
    test_env: &TestEnv,
    env: &HashMap<String, String>,
    pass_key: &str,
    joins: &Kafka,
    heads: &Kafka,
    tasks: &Tasks,
) -> Instance {
    let mut settings = Settings::new(env);
    let config = Config::from_settings(&mut settings);
    settings.finish().expect("settings");
    let keys = Arc::new(PassKeys::from_paserk(pass_key, "fairgate", "checkout").expect("keys"));
    let (pool, redis) = (test_env.pool.clone(), test_env.redis.clone());
    let gate = Gate::new(redis.clone());
    let app = App::new(config, pool, redis, gate, joins.clone(), keys).expect("app");
    waitroom::run(&app, test_env.pool.clone(), heads.clone(), tasks);
    let routers = waitroom::router(app.clone());
    let looking = routers.head.merge(routers.waiting);
    let (router, _) = routers.joining.merge(looking).merge(routers.claiming).split_for_parts();
    Instance { app, router: kit::http::stack(router) }
}

impl Instance {
    /// What it is not ready for the lack of.
    pub fn missing(&self) -> Vec<&'static str> {
        self.app.missing()
    }

    fn client(&self) -> Client {
        Client::of(&self.router)
    }

    pub async fn call(&self, method: &str, path: &str, token: Option<&str>) -> (StatusCode, Value) {
        let client = self.client();
        let call = client.call(method.parse().expect("a method"), path);
        let reply = call.bearer(token.unwrap_or_default()).send().await;
        (reply.status, reply.body)
    }

    pub async fn send(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let reply = self.client().post(path).json(body).send().await;
        (reply.status, reply.body)
    }

    /// The answer that a browser gets.
    pub async fn browse(&self, method: &str, path: &str, cookie: &str) -> Reply {
        self.submit(method, path, cookie, &[]).await
    }

    /// The answer that a browser gets to a filled-in form.
    pub async fn submit(
        &self,
        method: &str,
        path: &str,
        cookie: &str,
        form: &[(&str, &str)],
    ) -> Reply {
        let client = self.client();
        let call = client.call(method.parse().expect("a method"), path).form(form);
        call.header("accept", "text/html,*/*").header("cookie", cookie).send().await
    }

    /// A page as a browser asks for it: status, text, cookies set, one a line.
    pub async fn page(
        &self,
        method: &str,
        path: &str,
        cookie: &str,
    ) -> (StatusCode, String, String) {
        let reply = self.browse(method, path, cookie).await;
        let set = reply.cookies().collect::<Vec<_>>().join("\n");
        (reply.status, reply.text, set)
    }

    /// Where a browser is sent on to.
    pub async fn sent_on(&self, method: &str, path: &str, cookie: &str) -> String {
        let reply = self.browse(method, path, cookie).await;
        assert!(reply.status.is_redirection(), "{}", reply.status);
        reply.location().to_owned()
    }

    pub async fn join(&self) -> Value {
        let (status, body) = self.call("POST", "/v1/rooms/r/places", None).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body
    }

    /// Joins with a key.
    pub async fn join_with(&self, key: &str) -> (StatusCode, Value) {
        let client = self.client();
        let reply = client.post("/v1/rooms/r/places").idempotency_key(key).send().await;
        (reply.status, reply.body)
    }

    pub async fn ticket(&self) -> String {
        self.join().await["ticket"].as_str().expect("ticket").to_owned()
    }

    pub async fn get_place(&self, ticket: &str) -> (StatusCode, Value) {
        self.call("GET", "/v1/rooms/r/place", Some(ticket)).await
    }

    pub async fn claim(&self, ticket: &str) -> (StatusCode, Value) {
        self.call("POST", "/v1/rooms/r/pass", Some(ticket)).await
    }

    pub async fn ask_for_mail(&self, ticket: &str, email: &str) -> (StatusCode, Value) {
        let body = serde_json::json!({ "email": email });
        let client = self.client();
        let call = client.put("/v1/rooms/r/place/mail").bearer(ticket).json(&body);
        let reply = call.send().await;
        (reply.status, reply.body)
    }

    /// Asks for the place until it has the state.
    pub async fn until(&self, ticket: &str, state: &str) -> Value {
        eventually(&format!("the place is {state}"), async || {
            let (_, place) = self.get_place(ticket).await;
            (place["state"] == state).then_some(place)
        })
        .await
    }

    /// Asks for the head until it fits; gives its ETag too.
    pub async fn head_when(&self, fits: impl Fn(&Value) -> bool) -> (Value, String) {
        eventually("a head that fits", async || {
            let reply = self.client().get("/v1/rooms/r/head").send().await;
            let does = reply.status == StatusCode::OK && fits(&reply.body);
            does.then(|| (reply.body.clone(), reply.header("etag").to_owned()))
        })
        .await
    }

    /// The head as it comes to somebody who accepts this encoding.
    pub async fn head_in(&self, encoding: &str) -> (HeaderMap, axum::body::Bytes) {
        let request = Request::get("/v1/rooms/r/head").header(header::ACCEPT_ENCODING, encoding);
        let request = request.body(Body::empty()).expect("request");
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let headers = response.headers().clone();
        (headers, response.into_body().collect().await.expect("body").to_bytes())
    }

    pub async fn head_status(&self, etag: &str) -> StatusCode {
        let client = self.client();
        client.get("/v1/rooms/r/head").header("if-none-match", etag).send().await.status
    }
}
