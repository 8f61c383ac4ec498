//! A sale for the rush alone, made through the crates' contracts.

use std::{net::Ipv4Addr, time::Duration};

use admission::contract::{EntropySource, LineMethod, PaceMode, RoomName};
use anyhow::{Context, bail};
use catalog::contract::{
    Money, NewShow, NewTicketType, ShowId, TicketTypeId, Venue, put_allotment, put_show,
};
use chrono::{Timelike, Utc};
use tokio::time::{Instant, sleep};
use waitroom::contract::{
    EntropyEntry, HeadDocument, NewRoom, Phase, RoomChange, change_room, create_room,
    enter_entropy_in,
};

use super::{
    api::{Api, Call},
    args::RushArgs,
};
use crate::settings::Stores;

const OPENS_WITHIN: Duration = Duration::from_secs(15);
const ENTERED_WITHIN: Duration = Duration::from_secs(30);

/// Where what no fan asks for comes from.
pub const OBSERVER: Ipv4Addr = Ipv4Addr::new(10, 255, 255, 254);

/// What the fans come for.
#[derive(Debug, Clone)]
pub struct Sale {
    pub show: ShowId,
    pub room: RoomName,
    pub ticket_type: TicketTypeId,
    pub lanes: i32,
    pub tickets: i32,
}

/// Makes an unlisted show with its stock and an open room.
pub async fn make(stores: &Stores, args: &RushArgs) -> anyhow::Result<Sale> {
    let now = Utc::now();
    let name = format!("rush-{}-{:04x}", now.format("%Y%m%d-%H%M%S"), rand::random::<u16>());
    let (id, room): (ShowId, RoomName) = (name.parse()?, name.parse()?);
    let starts_at = (now + chrono::Duration::days(30)).with_minute(0).unwrap_or(now);
    let show = NewShow {
        show: id.clone(),
        title: "Rehearsal".to_owned(),
        performer: "The Load Bots".to_owned(),
        genre: "Rehearsal".to_owned(),
        description: "A sale to rehearse with. Nothing of it is real.".to_owned(),
        venue: Venue {
            name: "Rehearsal Hall".to_owned(),
            city: "Nowhere".to_owned(),
            country: "DE".to_owned(),
            address: String::new(),
            time_zone: "UTC".to_owned(),
        },
        doors_at: starts_at - chrono::Duration::hours(1),
        starts_at,
        on_sale_at: now,
        high_traffic: true,
        listed: false,
        ticket_types: vec![NewTicketType {
            name: "Standing".to_owned(),
            description: "Anywhere on the floor.".to_owned(),
            price: Money::new(6_500, "EUR".parse()?),
            per_order_max: 4,
        }],
    };
    let ticket_types = put_show(&stores.pool, &show).await?;
    let ticket_type = ticket_types.first().context("the show has no ticket type")?.ticket_type;
    put_allotment(&stores.pool, &id, ticket_type, args.tickets).await?;
    let new_room = NewRoom {
        room: room.clone(),
        show: id.clone(),
        lanes: args.lanes,
        rate_per_sec: args.rate,
        max_active: args.cap(),
        claim_window_secs: args.claim_window,
        message: String::new(),
        method: if args.draw { LineMethod::Draw } else { LineMethod::FirstCome },
        entropy_source: match args.entropy_after {
            Some(_) => EntropySource::Operator,
            None => EntropySource::None,
        },
        joins_at: None,
        opens_at: None,
        sleeps: false,
    };
    create_room(&stores.pool, &stores.kafka, &new_room).await?;
    let open = RoomChange {
        phase: Some(if args.draw { Phase::PreQueue } else { Phase::Open }),
        pace_mode: args.fixed.then_some(PaceMode::Fixed),
        order_ms_target: args.order_target,
        ..RoomChange::default()
    };
    change_room(&stores.pool, &room, &open).await?;
    Ok(Sale { show: id, room, ticket_type, lanes: args.lanes, tickets: args.tickets })
}

/// Has the draw made, and the room opened when it is; with a number that is entered later, where
/// the draw waits for one.
///
/// # Errors
/// Postgres away when entries close, or for half a minute when the number is entered.
pub async fn draw(stores: &Stores, sale: &Sale, entropy_after: Option<f64>) -> anyhow::Result<()> {
    let open = RoomChange { phase: Some(Phase::Open), ..RoomChange::default() };
    change_room(&stores.pool, &sale.room, &open).await?;
    let Some(secs) = entropy_after else { return Ok(()) };
    sleep(Duration::from_secs_f64(secs)).await;
    let end = Instant::now() + ENTERED_WITHIN;
    loop {
        match enter(stores, sale).await {
            // Entries are not closed, or Postgres is away, which is what it is tried again for.
            Err(error) if Instant::now() < end => {
                tracing::debug!(error = format!("{error:#}"), "entering the draw's number");
                sleep(Duration::from_millis(200)).await;
            }
            entered => return entered,
        }
    }
}

async fn enter(stores: &Stores, sale: &Sale) -> anyhow::Result<()> {
    let mut tx = stores.pool.begin().await?;
    let entry = EntropyEntry::Text("four dice: 3 1 6 2".to_owned());
    enter_entropy_in(&mut tx, &sale.room, &entry).await?;
    Ok(tx.commit().await?)
}

/// Waits until the running system knows the room.
pub async fn await_open(api: &Api, sale: &Sale) -> anyhow::Result<()> {
    let path = format!("/v1/rooms/{}/head", sale.room);
    let end = Instant::now() + OPENS_WITHIN;
    loop {
        match api.call::<HeadDocument>(&Call::get(&path, OBSERVER)).await {
            Ok(answer) if answer.body.phase.takes_joins() => return Ok(()),
            _ if Instant::now() < end => sleep(Duration::from_millis(200)).await,
            Ok(_) => bail!("the system did not open the room within {} s", OPENS_WITHIN.as_secs()),
            Err(fault) => bail!(
                "the system does not know the room ({}): do FAIRGATE_DATABASE_URL and \
                    FAIRGATE_NAMESPACE name what it uses?",
                fault.kind
            ),
        }
    }
}

/// Waits until checkout sells what was allotted: bots that come earlier would take an empty shelf
/// for a sold-out one.
pub async fn await_stock(stores: &Stores, sale: &Sale) -> anyhow::Result<()> {
    let end = Instant::now() + OPENS_WITHIN;
    loop {
        let allotments = catalog::contract::allotments(&stores.pool, &sale.show).await?;
        if allotments
            .iter()
            .all(|allotment| allotment.wanted.is_none() && allotment.allotted == sale.tickets)
        {
            return Ok(());
        }
        if Instant::now() > end {
            bail!(
                "checkout did not take the tickets up within {} s: is the role writer running?",
                OPENS_WITHIN.as_secs()
            );
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Closes the room, so that its controller ends.
pub async fn close(stores: &Stores, sale: &Sale) -> anyhow::Result<()> {
    change_room(
        &stores.pool,
        &sale.room,
        &RoomChange { phase: Some(Phase::Closed), ..RoomChange::default() },
    )
    .await
}
