//! From events to emails: each event that somebody is written about adds a row, and only then its
//! offset is committed.
//!
//! A new group starts at the oldest record the topic still has, so that nothing is lost between the
//! first event and the first start of this role. Orders that were paid within the topic's retention
//! before then get their email late.

use admin::contract::{SUPPORT_EVENTS, SupportEvent};
use checkout::contract::{ORDER_EVENTS, OrderEvent};
use kit::{
    kafka::{
        Kafka, Topic,
        consumer::{Handler, Record, Subscription, consume},
    },
    serve::Tasks,
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::kind::{EmailKind, NewEmail};
use crate::{App, store::email as store};

/// Kafka consumer groups that turn events into emails, of `orders.events` and of `support.events`:
/// one each, so that a topic that cannot be read keeps no email of the other waiting.
pub const GROUPS: [&str; 2] = ["notifications.orders", "notifications.support"];
const BATCH_MAX: usize = 500;

/// An event that somebody may be written about.
trait Occasion: DeserializeOwned + Send + Sync + 'static {
    const TOPIC: Topic;

    /// What the email is about, if there is to be one.
    fn email(&self) -> Option<(EmailKind, Uuid)>;
}

impl Occasion for OrderEvent {
    const TOPIC: Topic = ORDER_EVENTS;

    fn email(&self) -> Option<(EmailKind, Uuid)> {
        match self {
            Self::Paid(data) => Some((EmailKind::Ticket, data.order.uuid())),
            Self::Refunded(data) => Some((EmailKind::Refund, data.order.uuid())),
            Self::LinkRenewed(renewed) => Some((EmailKind::OrderLink, renewed.renewal)),
            Self::Placed(_) | Self::Expired(_) | Self::Cancelled(_) => None,
        }
    }
}

impl Occasion for SupportEvent {
    const TOPIC: Topic = SUPPORT_EVENTS;

    fn email(&self) -> Option<(EmailKind, Uuid)> {
        let Self::Answered { message, .. } = self;
        Some((EmailKind::SupportAnswer, *message))
    }
}

/// Adds the emails that a topic's events ask for.
struct Emails<E> {
    app: App,
    events: std::marker::PhantomData<fn() -> E>,
}

impl<E: Occasion> Handler for Emails<E> {
    type Event = E;

    async fn handle(&self, records: &[Record<E>]) -> anyhow::Result<()> {
        let emails: Vec<NewEmail> = records
            .iter()
            .filter_map(|record| {
                let (kind, subject) = record.event.email()?;
                Some(NewEmail { kind, subject, request_id: record.request.0.clone() })
            })
            .collect();
        if !emails.is_empty() && store::add(&self.app.pool, &emails).await? > 0 {
            self.app.wake.notify_one();
        }
        seen::<E>(records.len());
        Ok(())
    }

    fn unreadable(&self) {
        seen::<E>(1);
        let topic = E::TOPIC.name;
        metrics::counter!("fairgate_letter_events_poison_total", "topic" => topic).increment(1);
    }
}

fn seen<E: Occasion>(records: usize) {
    metrics::counter!("fairgate_letter_events_total", "topic" => E::TOPIC.name)
        .increment(records as u64);
}

pub fn start(app: &App, kafka: &Kafka, tasks: &Tasks) {
    follow::<OrderEvent>(app, kafka, GROUPS[0], tasks);
    follow::<SupportEvent>(app, kafka, GROUPS[1], tasks);
}

fn follow<E: Occasion>(app: &App, kafka: &Kafka, group: &'static str, tasks: &Tasks) {
    let subscription = Subscription { topic: E::TOPIC, group, batch_max: BATCH_MAX };
    let emails = Emails::<E> { app: app.clone(), events: std::marker::PhantomData };
    tasks.spawn(consume(kafka.clone(), subscription, emails, tasks.stop()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_is_written_about_makes_a_email() {
        let order = Uuid::from_u128(9);
        let event = |name: &str| {
            format!(
                r#"{{"type":"{name}","order":"{order}","show":"s","amount_minor":1,"currency":"EUR","at":"2026-11-21T19:00:00Z"}}"#
            )
        };
        let read = |name: &str| -> Option<(EmailKind, Uuid)> {
            serde_json::from_str::<OrderEvent>(&event(name)).expect("readable").email()
        };
        assert_eq!(read("order_paid.v1"), Some((EmailKind::Ticket, order)));
        assert_eq!(read("order_refunded.v1"), Some((EmailKind::Refund, order)));
        assert_eq!(read("order_placed.v1"), None);
        assert!(serde_json::from_str::<OrderEvent>("{}").is_err());
    }
}
