//! Sales to measure with, made through the crates' contracts, and fans who stand in their lines.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use admission::contract::{EntropySource, LineMethod, RoomName};
use anyhow::{Context, bail};
use catalog::contract::{Money, NewShow, NewTicketType, ShowId, TicketTypeId, Venue, put_show};
use checkout::contract::put_stock;
use chrono::Utc;
use serde::Deserialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use waitroom::contract::{NewRoom, Phase, RoomChange, change_room, create_room};

use super::client::{self, Connection, request};
use crate::settings::Stores;

/// As many as rooms of shows that are marked high-traffic have.
pub const LANES: i32 = 4;
/// More than any bench can sell.
pub const TICKETS: i32 = 1_000_000_000;
const KNOWN_WITHIN: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub struct Sale {
    pub show: ShowId,
    /// Of the show's name.
    pub room: RoomName,
    pub ticket_type: TicketTypeId,
}

/// Puts an unlisted show on sale, its stock cut into `shards` or as usual.
pub async fn make(stores: &Stores, name: &str, shards: Option<i32>) -> anyhow::Result<Sale> {
    let now = Utc::now();
    let starts_at = now + chrono::Duration::days(30);
    let id: ShowId = name.parse()?;
    let show = NewShow {
        show: id.clone(),
        title: "Measurement".to_owned(),
        performer: "The Bench".to_owned(),
        genre: String::new(),
        description: String::new(),
        venue: Venue {
            name: "Bench Hall".to_owned(),
            city: "Nowhere".to_owned(),
            country: "DE".to_owned(),
            address: String::new(),
            time_zone: "UTC".to_owned(),
        },
        doors_at: starts_at,
        starts_at,
        on_sale_at: now,
        high_traffic: true,
        listed: false,
        ticket_types: vec![NewTicketType {
            name: "Standing".to_owned(),
            description: String::new(),
            price: Money::new(6_500, "EUR".parse()?),
            per_order_max: 4,
        }],
    };
    let ticket_types = put_show(&stores.pool, &show).await?;
    let ticket_type = ticket_types.first().context("the show has no ticket type")?.ticket_type;
    put_stock(&stores.pool, &id, ticket_type, TICKETS, shards).await?;
    Ok(Sale { show: id, room: name.parse()?, ticket_type })
}

/// Makes a room of the show's name in `phase`, and waits until the server at `address` knows it so.
pub async fn open_room(
    stores: &Stores,
    address: SocketAddr,
    sale: &Sale,
    rate_per_sec: f64,
    phase: Phase,
) -> anyhow::Result<()> {
    let new = NewRoom {
        room: sale.room.clone(),
        show: sale.show.clone(),
        lanes: LANES,
        rate_per_sec,
        max_active: 1_000_000,
        claim_window_secs: 60,
        message: String::new(),
        method: LineMethod::FirstCome,
        entropy_source: EntropySource::None,
        joins_at: None,
        opens_at: None,
        sleeps: false,
    };
    create_room(&stores.pool, &stores.kafka, &new).await?;
    for next in [Some(Phase::Open), (phase != Phase::Open).then_some(phase)].into_iter().flatten() {
        change_room(
            &stores.pool,
            &new.room,
            &RoomChange { phase: Some(next), ..RoomChange::default() },
        )
        .await?;
    }
    let end = Instant::now() + KNOWN_WITHIN;
    loop {
        if head(address, &sale.room).await.is_ok_and(|head| head.phase == phase) {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("the server did not come to know room {}", sale.room);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Closes the room, so that its controller leaves the machine to others.
pub async fn close_room(stores: &Stores, sale: &Sale) -> anyhow::Result<()> {
    let closed = RoomChange { phase: Some(Phase::Closed), ..RoomChange::default() };
    change_room(&stores.pool, &sale.room, &closed).await?;
    Ok(())
}

pub async fn head(
    address: SocketAddr,
    room: &RoomName,
) -> anyhow::Result<waitroom::contract::HeadDocument> {
    let answer = client::once(address, &client::get(&format!("/v1/rooms/{room}/head"))).await?;
    if answer.status != 200 {
        bail!("asking for the head of {room}: {}", answer.status);
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

/// A request to join.
pub fn join(room: &RoomName) -> Vec<u8> {
    request("POST", &format!("/v1/rooms/{room}/places"), &[], "")
}

#[derive(Deserialize)]
struct Ticket {
    ticket: String,
}

/// Lets `count` fans join; the place tickets of the last one of each client.
pub async fn fill(
    address: SocketAddr,
    room: &RoomName,
    count: u64,
    clients: usize,
) -> anyhow::Result<Vec<String>> {
    let taken = Arc::new(AtomicU64::new(0));
    let request = Arc::new(join(room));
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (taken, request) = (taken.clone(), request.clone());
        tasks.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut last = None;
            while taken.fetch_add(1, Ordering::Relaxed) < count {
                let answer = connection.call(&request).await?;
                if answer.status != 201 {
                    bail!(
                        "a join was answered {}: {}",
                        answer.status,
                        String::from_utf8_lossy(&answer.body)
                    );
                }
                last = Some(answer.body);
            }
            Ok(last)
        });
    }
    let mut tickets = Vec::new();
    while let Some(done) = tasks.join_next().await {
        if let Some(body) = done?? {
            tickets.push(serde_json::from_slice::<Ticket>(&body)?.ticket);
        }
    }
    Ok(tickets)
}
