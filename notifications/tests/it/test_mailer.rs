//! A show, orders for it, their events, and the notifications role.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use admin::contract::{SUPPORT_EVENTS, SUPPORT_TOPIC, SupportEvent};
use catalog::contract::{Money, TicketType};
use checkout::contract::{
    EVENTS_TOPIC, ORDER_EVENTS, OrderEvent, OrderEventData, OrderLink, OrderLinks,
};
use chrono::Utc;
use kit::{
    http::RequestId,
    kafka::ProducerBounds,
    serve::Tasks,
    settings::{Env, ProcessEnv, Settings},
    token::generate_seal_key,
};
use notifications::{App, Config};
use rdkafka::producer::{FutureProducer, FutureRecord};
pub use testkit::eventually;
use testkit::{
    Checkout, CheckoutBuilder, Console, OrderBuilder, ShowBuilder, SupportAnswer, TestEnv,
    TestOrder,
};
use uuid::Uuid;

use crate::mail::Caught;

pub const SHOW: &str = "harbour-lights";

pub struct TestMailer {
    pub test_env: TestEnv,
    pub settings: HashMap<String, String>,
    pub floor: TicketType,
    pub caught: Caught,
    checkout: Checkout,
    producer: FutureProducer,
    tasks: Tasks,
}

impl Drop for TestMailer {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

fn stack(key: &str) -> String {
    ProcessEnv
        .get(key)
        .unwrap_or_else(|| panic!("{key} is not set; eval \"$(ops/stack test env)\" first"))
}

impl TestMailer {
    pub async fn open() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(changes: &[(&str, &str)]) -> Self {
        let test_env = TestEnv::new().await;
        let mut settings = test_env.settings();
        settings.insert("FAIRGATE_PLACE_KEYS".to_owned(), generate_seal_key().unwrap());
        let mailbox = stack("FAIRGATE_MAILBOX");
        settings.extend(
            [
                ("FAIRGATE_SMTP_URL", stack("FAIRGATE_SMTP_URL").as_str()),
                ("FAIRGATE_MAILBOX", &mailbox),
                ("FAIRGATE_MAIL_FROM", "tickets@fairgate.example"),
                ("FAIRGATE_PUBLIC_URL", "https://tickets.example"),
            ]
            .iter()
            .chain(changes)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        let starts_at = "2027-06-12T18:00:00Z".parse().unwrap();
        let show = ShowBuilder::new(SHOW).starts_at(starts_at).ticket_type("Floor", 8_500);
        let floor = show.stock(1_000, 2).put(&test_env.pool).await.remove(0);
        // What checkout tells of its orders stays there: the tests tell it.
        let aside = test_env.with_other_topics("checkout");
        let checkout = CheckoutBuilder::new(SHOW).start(&aside).await;
        for topic in [ORDER_EVENTS, SUPPORT_EVENTS] {
            test_env.kafka.ensure(&topic).await.unwrap();
        }
        let bounds =
            ProducerBounds { queue_messages_max: 1_000, delivery_ms_max: 10_000, linger_ms: 1 };
        let producer = test_env.kafka.producer(bounds).unwrap();
        let caught = Caught(PathBuf::from(settings["FAIRGATE_MAILBOX"].clone()));
        Self { test_env, settings, floor, caught, checkout, producer, tasks: Tasks::default() }
    }

    pub fn app(&self) -> App {
        let mut reading = Settings::new(&self.settings);
        let config = Config::from_settings(&mut reading);
        reading.finish().unwrap();
        App::new(config, self.test_env.pool.clone()).unwrap()
    }

    /// Starts the role; twice is two processes, so to say: they share nothing but the servers.
    pub fn start(&self) {
        notifications::run(&self.app(), &self.test_env.kafka, &self.tasks);
    }

    /// A paid order with tickets, for a fan with an address of their own.
    pub async fn bought(&self, language: &str, tickets: i32) -> TestOrder {
        let email = format!("{}@fans.example", Uuid::new_v4().simple());
        self.bought_by("Ayşe Öztürk", &email, language, tickets).await
    }

    pub async fn bought_by(
        &self,
        name: &str,
        email: &str,
        language: &str,
        tickets: i32,
    ) -> TestOrder {
        let order = OrderBuilder::default().tickets(tickets).buyer(name, email).language(language);
        order.fulfil(&self.checkout, &self.floor).await
    }

    pub async fn refunded(&self, bought: &TestOrder) {
        bought.refund(&self.checkout).await;
    }

    /// An admin's answer, as the message's id.
    pub async fn answered(&self, bought: &TestOrder, text: &str) -> Uuid {
        let console = Console::start(&self.test_env).await;
        let SupportAnswer { ticket, message } = console.answer_support(bought.order, text).await;
        let event = SupportEvent::Answered {
            request: ticket.into(),
            message,
            order: bought.order,
            at: Utc::now(),
        };
        self.publish(SUPPORT_TOPIC, &ticket.to_string(), &serde_json::to_vec(&event).unwrap())
            .await;
        message
    }

    pub async fn tell(&self, event: impl Fn(OrderEventData) -> OrderEvent, order: Uuid) {
        let facts = OrderEventData {
            order: order.into(),
            show: SHOW.parse().unwrap(),
            amount: Money::new(8_500, "EUR".parse().unwrap()),
            at: Utc::now(),
        };
        self.publish(EVENTS_TOPIC, &order.to_string(), &serde_json::to_vec(&event(facts)).unwrap())
            .await;
    }

    /// Whether the link in an email opens an order, whatever keys checkout has.
    pub async fn opens(&self, email: &mail_parser::Message<'_>, order: Uuid) -> bool {
        let text = email.body_text(0).unwrap();
        let link =
            text.lines().find(|line| line.starts_with("https://tickets.example/orders/")).unwrap();
        let link = OrderLink::given(order, link.trim_end().split_once("?key=").unwrap().1);
        let links = OrderLinks::from_paserk(&generate_seal_key().unwrap()).unwrap();
        links.opens(&self.test_env.pool, &link).await.unwrap()
    }

    pub async fn publish(&self, topic: &str, key: &str, payload: &[u8]) {
        let topic = self.test_env.kafka.name(topic);
        let headers = kit::kafka::headers(&RequestId::fresh());
        let record = FutureRecord::to(&topic).key(key).payload(payload).headers(headers);
        self.producer.send(record, Duration::from_secs(10)).await.unwrap();
    }

    /// One column of an order's or message's email, once it has a value.
    pub async fn told(&self, subject: Uuid, column: &str) -> String {
        let statement =
            format!("SELECT {column}::text FROM notifications.letters WHERE subject = $1");
        eventually(column, || async {
            let found: Option<Option<String>> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(statement.clone()))
                    .bind(subject)
                    .fetch_optional(&self.test_env.pool)
                    .await
                    .unwrap();
            found.flatten()
        })
        .await
    }

    /// The one email that came for an address.
    pub async fn email(&self, address: &str) -> mail_parser::Message<'static> {
        let mut emails = eventually("an email", || async {
            Some(self.caught.to(address)).filter(|list| !list.is_empty())
        })
        .await;
        assert_eq!(emails.len(), 1);
        emails.remove(0)
    }
}
