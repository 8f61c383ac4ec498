//! Follows `catalog.events` for allotments, one after the other, and commits an event only after
//! its change was answered.

use std::time::Duration;

use anyhow::Context;
use backon::{BackoffBuilder, ExponentialBuilder};
use catalog::contract::{CATALOG_TOPIC, CatalogEvent, ensure_catalog_topic};
use rdkafka::{
    Message,
    consumer::{CommitMode, Consumer, DefaultConsumerContext, StreamConsumer},
};
use tokio_util::sync::CancellationToken;

use crate::{
    App, Error,
    stock::allotment::{AllotmentChange, apply as allotment},
};

/// The consumer group that keeps stock true to the catalog.
pub const CATALOG_GROUP: &str = "checkout.catalog";
const AGAIN: Duration = Duration::from_secs(1);

/// Follows until `stop`, through whatever restarts.
pub async fn run(app: App, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = follow(&app, &stop).await {
            tracing::warn!(error = format!("{error:#}"), "following allotments starts again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

async fn follow(app: &App, stop: &CancellationToken) -> anyhow::Result<()> {
    ensure_catalog_topic(&app.kafka).await?;
    let consumer: StreamConsumer<DefaultConsumerContext> = app
        .kafka
        .consumer(CATALOG_GROUP, DefaultConsumerContext)
        .context("making the consumer of allotments")?;
    consumer.subscribe(&[&app.kafka.name(CATALOG_TOPIC)])?;
    loop {
        let message = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            message = consumer.recv() => message,
        };
        let message = match message {
            Ok(message) => message,
            Err(error) if consumer.client().fatal_error().is_none() => {
                tracing::debug!(%error, "reading catalog events");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            Err(error) => return Err(error).context("reading catalog events"),
        };
        match read(message.payload().unwrap_or_default()) {
            Ok(Some(change)) if !settle_through(app, &change, stop).await => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                let (partition, offset) = (message.partition(), message.offset());
                tracing::error!(partition, offset, %error, "a catalog event that cannot be read is \
                    passed over");
            }
        }
        // If it fails, the event comes again and is answered as before.
        if let Err(error) = consumer.commit_message(&message, CommitMode::Async) {
            tracing::debug!(%error, "committing the offset of catalog events");
        }
    }
}

/// The change that an event is about, if it is about one.
fn read(payload: &[u8]) -> serde_json::Result<Option<AllotmentChange>> {
    Ok(match serde_json::from_slice(payload)? {
        CatalogEvent::AllotmentChanged { show, ticket_type, allotted, revision, .. } => {
            Some(AllotmentChange { show, ticket_type, allotted, revision })
        }
        CatalogEvent::ShowPublished { .. } | CatalogEvent::SaleChanged { .. } => None,
    })
}

/// Settles again and again until it is done; `false` when asked to stop first. A change that
/// Postgres will never have is refused, so that the reseller can ask for another.
async fn settle_through(app: &App, change: &AllotmentChange, stop: &CancellationToken) -> bool {
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(1))
        .without_max_times()
        .build();
    let mut failing = false;
    loop {
        let (ticket_type, revision) = (change.ticket_type, change.revision);
        let settled = match allotment::settle(app, change).await {
            Err(Error::Store(error)) if kit::postgres::is_for_good(&error) => {
                tracing::error!(%ticket_type, revision, %error, "an allotment that cannot be \
                    written is refused");
                allotment::give_up(app, change).await
            }
            settled => settled,
        };
        match settled {
            Ok(()) => return true,
            Err(Error::Store(error)) if kit::postgres::is_for_good(&error) => {
                tracing::error!(%ticket_type, revision, %error, "an allotment that cannot be \
                    answered is passed over");
                return true;
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(%ticket_type, revision, %error, "an allotment waits");
                }
                failing = true;
            }
        }
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(pauses.next().unwrap_or(AGAIN)) => {}
        }
    }
}
