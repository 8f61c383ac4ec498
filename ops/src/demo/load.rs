//! Puts the demo's shows on sale. Doing so again changes nothing but what the program changed.

use admission::contract::{EntropySource, LineMethod};
use anyhow::Context;
use catalog::contract::{NewShow, put_allotment, put_show};
use chrono::{DateTime, Utc};
use waitroom::contract::{NewRoom, Phase, RoomChange, change_room, create_room, room};

use super::program::{self, CLAIM_WINDOW_SECS, MAX_ACTIVE, Planned, RATE_PER_SEC};
use crate::{print_status, settings::Stores};

/// A show that was put up before keeps its dates until so shortly before it begins.
const KEPT_DAYS: i64 = 7;

/// Loads the program.
pub async fn load() -> anyhow::Result<()> {
    let stores = Stores::from_env()?;
    let now = Utc::now();
    let program = program::shows(now)?;
    let shows = program.len();
    let mut rooms = 0;
    for planned in program {
        let name = planned.show.show.clone();
        rooms += usize::from(
            load_show(&stores, planned, now).await.with_context(|| format!("loading {name}"))?,
        );
    }
    print_status(&format!("demo: {shows} shows are in the catalog, {rooms} of them on sale"));
    Ok(())
}

/// Puts one show up; whether it is on sale.
async fn load_show(stores: &Stores, planned: Planned, now: DateTime<Utc>) -> anyhow::Result<bool> {
    let Planned { mut show, allotted } = planned;
    if let Some(known) = catalog::contract::show(&stores.pool, &show.show).await?
        && known.starts_at > now + chrono::Duration::days(KEPT_DAYS)
    {
        (show.doors_at, show.starts_at, show.on_sale_at) =
            (known.doors_at, known.starts_at, known.on_sale_at);
    }
    for ticket_type in put_show(&stores.pool, &show).await? {
        let Some(allotted) = allotted.get(&ticket_type.name) else { continue };
        put_allotment(&stores.pool, &show.show, ticket_type.ticket_type, *allotted).await?;
    }
    let on_sale = show.on_sale_at <= now;
    if on_sale {
        open_room(stores, &show).await?;
    }
    Ok(on_sale)
}

async fn open_room(stores: &Stores, show: &NewShow) -> anyhow::Result<()> {
    let wide_open = NewRoom {
        room: show.show.parse()?,
        show: show.show.clone(),
        lanes: 1,
        rate_per_sec: 200.0,
        max_active: 2000,
        claim_window_secs: 120,
        message: String::new(),
        method: LineMethod::FirstCome,
        entropy_source: EntropySource::None,
        joins_at: None,
        opens_at: None,
        sleeps: true,
    };
    let new = if show.high_traffic {
        NewRoom {
            sleeps: false,
            lanes: 4,
            rate_per_sec: RATE_PER_SEC,
            max_active: MAX_ACTIVE,
            claim_window_secs: CLAIM_WINDOW_SECS,
            ..wide_open
        }
    } else {
        wide_open
    };
    create_room(&stores.pool, &stores.kafka, &new).await?;
    // One that was opened before is left as its operator wants it.
    let known = room(&stores.pool, &new.room).await?;
    if known.is_some_and(|room| room.phase == Phase::Scheduled) {
        let open = RoomChange { phase: Some(Phase::Open), ..RoomChange::default() };
        change_room(&stores.pool, &new.room, &open).await?;
    }
    Ok(())
}
