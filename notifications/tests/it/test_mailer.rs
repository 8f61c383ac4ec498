//! A show, orders for it, their events, and the notifications role.

use std::{
    collections::HashMap,
    future::Future,
    path::PathBuf,
    time::{Duration, Instant},
};

use admin::contract::{SUPPORT_EVENTS, SUPPORT_TOPIC, SupportEvent};
use catalog::contract::{NewShow, NewTicketType, TicketType, Venue, put_show};
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
use testkit::TestEnv;
use uuid::Uuid;

use crate::mail::Caught;

pub const SHOW: &str = "harbour-lights";

pub struct TestMailer {
    pub test_env: TestEnv,
    pub settings: HashMap<String, String>,
    pub floor: TicketType,
    pub caught: Caught,
    producer: FutureProducer,
    tasks: Tasks,
}

impl Drop for TestMailer {
    fn drop(&mut self) {
        self.tasks.stop().cancel();
    }
}

/// An order in the database.
pub struct Bought {
    pub order: Uuid,
    pub email: String,
    pub codes: Vec<String>,
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
        let floor = put_show(&test_env.pool, &show()).await.unwrap().remove(0);
        for topic in [ORDER_EVENTS, SUPPORT_EVENTS] {
            test_env.kafka.ensure(&topic).await.unwrap();
        }
        let bounds =
            ProducerBounds { queue_messages_max: 1_000, delivery_ms_max: 10_000, linger_ms: 1 };
        let producer = test_env.kafka.producer(bounds).unwrap();
        let caught = Caught(PathBuf::from(settings["FAIRGATE_MAILBOX"].clone()));
        Self { test_env, settings, floor, caught, producer, tasks: Tasks::default() }
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
    pub async fn bought(&self, language: &str, tickets: i32) -> Bought {
        self.bought_by(
            "Ayşe Öztürk",
            &format!("{}@fans.example", Uuid::new_v4().simple()),
            language,
            tickets,
        )
        .await
    }

    pub async fn bought_by(&self, name: &str, email: &str, language: &str, tickets: i32) -> Bought {
        let order = Uuid::new_v4();
        sqlx::query(
            "INSERT INTO checkout.orders (order_id, session, show, hold, state, request_hash, \
                amount_minor, currency,
                 buyer_name, buyer_email, home_partition, placed_at, expires_at, paid_at, language)
             VALUES ($1, gen_random_uuid(), $2, gen_random_uuid(), 'fulfilled', '', $3, 'EUR', $4, \
             $5, 0, now(), now(), now(), $6)",
        )
        .bind(order)
        .bind(SHOW)
        .bind(i64::from(tickets) * 8_500)
        .bind(name)
        .bind(email)
        .bind(language)
        .execute(&self.test_env.pool)
        .await
        .unwrap();
        let mut codes = Vec::new();
        for number in 1..=tickets {
            let code = Uuid::new_v4().simple().to_string().to_uppercase()[..26].to_owned();
            sqlx::query(
                "INSERT INTO checkout.tickets (code, order_id, number, ticket_type, show, issued_at)
                 VALUES ($1, $2, $3, $4, $5, now())",
            )
            .bind(&code)
            .bind(order)
            .bind(number)
            .bind(self.floor.ticket_type)
            .bind(SHOW)
            .execute(&self.test_env.pool)
            .await
            .unwrap();
            codes.push(code);
        }
        Bought { order, email: email.to_owned(), codes }
    }

    pub async fn refunded(&self, bought: &Bought) {
        for statement in [
            "UPDATE checkout.orders SET state = 'refunded' WHERE order_id = $1",
            "UPDATE checkout.tickets SET voided_at = now() WHERE order_id = $1",
            "INSERT INTO checkout.refunds (order_id, payment_intent, amount_minor, reason, done_at)
             VALUES ($1, 'pi', 8500, 'asked', now())",
        ] {
            sqlx::query(statement).bind(bought.order).execute(&self.test_env.pool).await.unwrap();
        }
    }

    /// An admin's answer, as the message's id.
    pub async fn answered(&self, bought: &Bought, text: &str) -> Uuid {
        let (ticket, message) = (Uuid::new_v4(), Uuid::new_v4());
        sqlx::query(
            "INSERT INTO admin.support_tickets (ticket, order_id, show, topic) VALUES ($1, \
            $2, $3, 'other')",
        )
        .bind(ticket)
        .bind(bought.order)
        .bind(SHOW)
        .execute(&self.test_env.pool)
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO admin.support_messages (message, ticket, staff, text) VALUES ($1, $2, \
                'a@b.example', $3)",
        )
        .bind(message)
        .bind(ticket)
        .bind(text)
        .execute(&self.test_env.pool)
        .await
        .unwrap();
        let event = SupportEvent::Answered { ticket, message, order: bought.order, at: Utc::now() };
        self.publish(SUPPORT_TOPIC, &ticket.to_string(), &serde_json::to_vec(&event).unwrap())
            .await;
        message
    }

    pub async fn tell(&self, event: impl Fn(OrderEventData) -> OrderEvent, order: Uuid) {
        let facts = OrderEventData {
            order,
            show: SHOW.to_owned(),
            amount_minor: 8_500,
            currency: "EUR".to_owned(),
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
        until(column, || async {
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
        let mut emails = until("an email", || async {
            Some(self.caught.to(address)).filter(|list| !list.is_empty())
        })
        .await;
        assert_eq!(emails.len(), 1);
        emails.remove(0)
    }
}

/// Looks until there is something to see.
pub async fn until<T, Fut: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> Fut) -> T {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn show() -> NewShow {
    let starts_at = "2027-06-12T18:00:00Z".parse().unwrap();
    NewShow {
        show: SHOW.to_owned(),
        title: "Harbour Lights".to_owned(),
        performer: "Mira Vale".to_owned(),
        genre: "Pop".to_owned(),
        description: "An evening.".to_owned(),
        venue: Venue {
            name: "Pier Hall".to_owned(),
            city: "Hamburg".to_owned(),
            country: "DE".to_owned(),
            address: "Kai 3".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
        },
        doors_at: "2027-06-12T17:00:00Z".parse().unwrap(),
        starts_at,
        on_sale_at: Utc::now(),
        high_traffic: false,
        listed: true,
        ticket_types: vec![NewTicketType {
            name: "Floor".to_owned(),
            description: "Standing".to_owned(),
            price_minor: 8_500,
            currency: "EUR".to_owned(),
            per_order_max: 6,
        }],
    }
}
