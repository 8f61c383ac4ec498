//! Follows `catalog.events` for allotments, one after the other, and commits an event only after
//! its change was answered.

use anyhow::Context;
use catalog::contract::{CATALOG_EVENTS, CatalogEvent};
use kit::kafka::consumer::{Handler, Record, Subscription, consume};
use tokio_util::sync::CancellationToken;

use crate::{
    App, Error,
    stock::allotment::{AllotmentChange, apply as allotment},
};

/// The consumer group that keeps stock true to the catalog.
pub const CATALOG_GROUP: &str = "checkout.catalog";
const SUBSCRIPTION: Subscription =
    Subscription { topic: CATALOG_EVENTS, group: CATALOG_GROUP, batch_max: 1 };

/// Follows until `stop`, through whatever restarts.
pub async fn run(app: App, stop: CancellationToken) {
    consume(app.kafka.clone(), SUBSCRIPTION, Allotments(app), stop).await;
}

struct Allotments(App);

impl Handler for Allotments {
    type Event = CatalogEvent;

    async fn handle(&self, records: &[Record<CatalogEvent>]) -> anyhow::Result<()> {
        for change in records.iter().filter_map(|record| change(&record.event)) {
            settle(&self.0, &change).await.with_context(|| {
                format!("allotment {} of {} waits", change.revision, change.ticket_type)
            })?;
        }
        Ok(())
    }
}

/// The change that an event is about, if it is about one.
fn change(event: &CatalogEvent) -> Option<AllotmentChange> {
    match event {
        CatalogEvent::AllotmentChanged { show, ticket_type, allotted, revision, .. } => {
            Some(AllotmentChange {
                show: show.clone(),
                ticket_type: *ticket_type,
                allotted: *allotted,
                revision: *revision,
            })
        }
        CatalogEvent::ShowPublished { .. } | CatalogEvent::SaleChanged { .. } => None,
    }
}

/// Answers a change. One that Postgres will never have is refused, so that the reseller can ask for
/// another.
async fn settle(app: &App, change: &AllotmentChange) -> Result<(), Error> {
    app.stock_words.watch([change.show.clone()], app.config.hold_ttl);
    let (ticket_type, revision) = (change.ticket_type, change.revision);
    let settled = match allotment::settle(app, change).await {
        Err(Error::Store(error)) if kit::postgres::is_for_good(&error) => {
            tracing::error!(%ticket_type, revision, %error, "an allotment that cannot be written \
                is refused");
            allotment::give_up(app, change).await
        }
        settled => settled,
    };
    match settled {
        Err(Error::Store(error)) if kit::postgres::is_for_good(&error) => {
            tracing::error!(%ticket_type, revision, %error, "an allotment that cannot be answered \
                is passed over");
            Ok(())
        }
        settled => settled,
    }
}
