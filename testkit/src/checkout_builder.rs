//! A checkout in this process: its calls, its writer, and the sandbox provider beside it.

use std::collections::HashMap;

use admission::contract::{Gate, RoomName};
use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use catalog::contract::{ShowId, TicketType};
use checkout::{App, Config, contract, sandbox};
use kit::{serve::Tasks, settings::Settings};
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{Client, Passes, Port, Reply, RoomBuilder, TestEnv, eventually, id};

/// What a checkout is like; [`CheckoutBuilder::start`] starts it.
pub struct CheckoutBuilder {
    show: ShowId,
    room: RoomName,
    settings: Vec<(String, String)>,
    max_active: i32,
    writer: bool,
}

impl CheckoutBuilder {
    /// A checkout whose fans come for this show, through a room of the same name.
    pub fn new(show: &str) -> Self {
        Self {
            show: id(show),
            room: id(show),
            settings: Vec::new(),
            max_active: 10_000,
            writer: true,
        }
    }

    pub fn room(mut self, room: &str) -> Self {
        self.room = id(room);
        self
    }

    pub fn setting(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Sessions at once.
    pub fn max_active(mut self, max_active: i32) -> Self {
        self.max_active = max_active;
        self
    }

    /// Its writer is started by the test.
    pub fn without_writer(mut self) -> Self {
        self.writer = false;
        self
    }

    /// Starts it, and opens the gate of its room.
    pub async fn start(self, test_env: &TestEnv) -> Checkout {
        let port = Port::free().await;
        let key = |made: anyhow::Result<String>| made.expect("a key");
        let mut settings = test_env.settings();
        settings.extend(
            [
                ("FAIRGATE_CHECKOUT_KEYS", key(kit::token::generate_seal_key())),
                ("FAIRGATE_SANDBOX_API_KEY", format!("sk_sandbox_{}", Uuid::new_v4().simple())),
                ("FAIRGATE_PAYMENT_WEBHOOK_SECRET", contract::generate_webhook_secret()),
                ("FAIRGATE_PUBLIC_URL", port.url()),
                ("FAIRGATE_ORDER_GRACE_SECS", "0".to_owned()),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        settings.extend(self.settings);
        let room = RoomBuilder::new(&self.room).max_active(self.max_active);
        let gate = room.gate(&test_env.pool, &test_env.redis).await;
        // Background work does this as well; a test does not wait for its turn.
        test_env.kafka.ensure_topic(contract::COMMANDS_TOPIC, 4, &[]).await.expect("a topic");

        let (passes, base) = (Passes::default(), port.url());
        let app = app(test_env, &settings, &gate, &passes);
        let mut checkout = Checkout {
            show: self.show,
            room: self.room,
            settings,
            gate,
            passes,
            app,
            base,
            router: Router::new(),
            beside: Router::new(),
            tasks: Tasks::default(),
            writer: Tasks::default(),
            refunds: watch::Sender::new(Refunds::Given),
        };
        checkout.assemble(test_env);
        ::checkout::run_api(checkout.app.clone(), checkout.tasks.clone()).await;
        if self.writer {
            checkout.start_writer(test_env).await;
        }
        port.serve(checkout.router.clone(), &checkout.tasks);
        checkout
    }
}

/// A checkout that runs until it is dropped.
pub struct Checkout {
    /// What its fans come for.
    pub show: ShowId,
    pub room: RoomName,
    pub settings: HashMap<String, String>,
    pub gate: Gate,
    pub passes: Passes,
    pub app: App,
    /// Its calls, webhooks, pages and the provider's.
    pub router: Router,
    /// The same without its calls and pages, and without what every router gets.
    pub beside: Router,
    /// Where all of it is served.
    pub base: String,
    pub tasks: Tasks,
    pub writer: Tasks,
    refunds: watch::Sender<Refunds>,
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
        self.writer.stop().cancel();
    }
}

fn app(
    test_env: &TestEnv,
    settings: &HashMap<String, String>,
    gate: &Gate,
    passes: &Passes,
) -> App {
    let mut reading = Settings::new(settings);
    let config = Config::from_settings(&mut reading);
    reading.finish().expect("settings");
    let TestEnv { pool, redis, kafka, .. } = test_env;
    let verifier = passes.keys.verifier();
    App::new(config, pool.clone(), redis.clone(), kafka.clone(), gate.clone(), verifier)
        .expect("checkout")
}

/// What the provider does when money is to be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refunds {
    Given,
    /// With the words `charge_disputed`.
    Refused,
    /// It does not answer until it does one of the others.
    Unanswered,
}

async fn refunds_as_told(
    State(mut refunds): State<watch::Receiver<Refunds>>,
    request: Request,
    next: Next,
) -> Response {
    if request.uri().path().ends_with("/refund") {
        let told = refunds.wait_for(|told| *told != Refunds::Unanswered).await;
        if told.is_ok_and(|told| *told == Refunds::Refused) {
            return (StatusCode::CONFLICT, "charge_disputed").into_response();
        }
    }
    next.run(request).await
}

impl Checkout {
    fn assemble(&mut self, test_env: &TestEnv) {
        let mut reading = Settings::new(&self.settings);
        let config = sandbox::Config::from_settings(&mut reading);
        reading.finish().expect("settings");
        let provider = sandbox::State::new(config, test_env.pool.clone()).expect("a provider");
        let routers = sandbox::router(&provider);
        let (provided, _) = routers.merchant.merge(routers.payer).split_for_parts();
        let provided =
            provided.layer(from_fn_with_state(self.refunds.subscribe(), refunds_as_told));
        let (webhooks, _) = ::checkout::webhooks(self.app.clone()).split_for_parts();
        self.beside = provided.merge(webhooks);
        let (calls, _) = ::checkout::router(self.app.clone()).split_for_parts();
        let assets = kit::asset::router(&[&kit::asset::STYLESHEET]);
        self.router = kit::http::stack(calls.merge(self.beside.clone()).merge(assets));
        sandbox::run(&provider, &self.tasks);
    }

    /// Another process of the same checkout, which remembers nothing of what this one does.
    pub fn another(&self, test_env: &TestEnv) -> App {
        app(test_env, &self.settings, &self.gate, &self.passes)
    }

    /// Its calls.
    pub fn another_instance(&self, test_env: &TestEnv) -> Router {
        kit::http::stack(::checkout::router(self.another(test_env)).split_for_parts().0)
    }

    /// Starts a writer in a process of its own, so to say: it shares nothing with the API but the
    /// servers.
    pub async fn start_writer(&mut self, test_env: &TestEnv) {
        self.writer = Tasks::default();
        let app = self.another(test_env);
        ::checkout::run_writer(app, test_env.pool.clone(), self.writer.clone()).await;
    }

    /// From now on the provider does this when money is to be given back.
    pub fn set_refunds(&self, refunds: Refunds) {
        self.refunds.send_replace(refunds);
    }

    /// A program that calls it without a socket.
    pub fn client(&self) -> Client {
        Client::of(&self.router)
    }

    /// A pass of a place nobody else has.
    pub fn fresh_pass(&self) -> String {
        self.passes.fresh(&self.room, &self.show)
    }

    pub async fn redeem(&self, pass: &str) -> Reply {
        let body = json!({ "pass": pass });
        self.client().post("/v1/checkout/sessions").json(&body).send().await
    }

    /// A session of its own, as its token.
    pub async fn session(&self) -> String {
        self.redeem(&self.fresh_pass()).await.ok(201).text_of("session_token")
    }

    /// Confirms an intent at the provider, as a payer does.
    pub async fn confirm(&self, intent: &str, method: &str) -> Reply {
        let path = format!("/sandbox/v1/intents/{intent}/confirm");
        self.client().post(&path).json(&json!({ "method": method })).send().await.ok(200)
    }

    /// Pays an order in the sandbox and waits for its tickets.
    pub async fn pay(&self, session: &str, order: &Reply) -> Reply {
        let url = order.body["payment"]["url"].as_str().expect("a payment step");
        let intent = url.rsplit('/').next().and_then(|last| last.split('?').next());
        self.confirm(intent.expect("an intent"), "ok").await;
        self.until(session, &order.text_of("order"), "fulfilled").await
    }

    /// Waits until an order is in this state.
    pub async fn until(&self, session: &str, order: &str, state: &str) -> Reply {
        let (client, path) = (self.client(), format!("/v1/orders/{order}"));
        eventually(&format!("the order is {state}"), async || {
            let answer = client.get(&path).bearer(session).send().await;
            (answer.body["state"] == state).then_some(answer)
        })
        .await
    }
}

/// What a call for tickets asks for: so many of each type.
pub fn items<'a>(wanted: impl IntoIterator<Item = (&'a TicketType, i32)>) -> Value {
    let wanted = wanted.into_iter().filter(|(_, quantity)| *quantity != 0);
    let items = wanted.map(|(ticket_type, quantity)| {
        json!({ "ticket_type": ticket_type.ticket_type, "quantity": quantity })
    });
    json!({ "items": items.collect::<Vec<_>>() })
}
