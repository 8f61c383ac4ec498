//! Marking a show as high-traffic: it is sold through a waiting room from then on.

use chrono::{DateTime, Utc};
use kit::http::RequestId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use waitroom::contract::{NewRoom, RoomChange, RoomState, change_room_in, create_room, room_of_show};

use crate::{
    App,
    audit::{Deed, note},
    error::Error,
    staff::Staff,
};

/// As many as a gate can have.
const LANES_MAX: i32 = 256;

/// What the room of a high-traffic show is to be like.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomWish {
    /// 1 to 256; a room that is there keeps its own.
    #[schema(minimum = 1, maximum = 256)]
    pub lanes: i32,
    /// Fans let in per second at most.
    pub rate_per_sec: f64,
    /// Sessions in checkout at once, at most.
    pub max_active: i32,
    /// How long a fan who was let in may take to come.
    pub claim_window_secs: i32,
    /// When a new room opens by itself; absent: when somebody opens it.
    pub opens_at: Option<DateTime<Utc>>,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Marked {
    pub room: RoomState,
    /// The show had a room already: its lanes and the time it opens stay as they were.
    pub had_room: bool,
}

impl RoomWish {
    fn check(&self) -> Result<(), Error> {
        if !(1..=LANES_MAX).contains(&self.lanes) {
            return Err(Error::field("lanes", "Give 1 to 256 lanes."));
        }
        if !(self.rate_per_sec.is_finite() && (0.0..=10_000.0).contains(&self.rate_per_sec)) {
            return Err(Error::field("rate_per_sec", "Give 0 to 10,000 fans a second."));
        }
        if !(0..=1_000_000).contains(&self.max_active) {
            return Err(Error::field("max_active", "Give 0 to 1,000,000 sessions."));
        }
        if !(1..=86_400).contains(&self.claim_window_secs) {
            return Err(Error::field("claim_window_secs", "Give 1 to 86,400 seconds."));
        }
        Ok(())
    }
}

/// Marks a show and makes its room and lanes, or changes the settings of the room it has. Doing so twice is as once.
///
/// # Errors
/// [`Error::ShowUnknown`], [`Error::Field`].
pub async fn mark(app: &App, staff: &Staff, show: &str, wish: &RoomWish, request: &RequestId) -> Result<Marked, Error> {
    wish.check()?;
    if catalog::contract::seller(&app.pool, show).await?.is_none() {
        return Err(Error::ShowUnknown);
    }
    let (room, had_room) = match room_of_show(&app.pool, show).await? {
        Some(room) => (room, true),
        None => {
            let new = NewRoom {
                room: show.to_owned(),
                show: show.to_owned(),
                lanes: wish.lanes,
                rate_per_sec: wish.rate_per_sec,
                max_active: wish.max_active,
                claim_window_secs: wish.claim_window_secs,
                message: String::new(),
                opens_at: wish.opens_at,
            };
            // Its line is a Kafka topic, which no transaction reaches. Should the rest fail, the next try finds the room.
            create_room(&app.pool, &app.kafka, &new).await?;
            (new.room, false)
        }
    };
    let settings = RoomChange {
        rate_per_sec: Some(wish.rate_per_sec),
        max_active: Some(wish.max_active),
        claim_window_secs: Some(wish.claim_window_secs),
        ..RoomChange::default()
    };
    let mut tx = app.pool.begin().await?;
    let changed = change_room_in(&mut tx, &room, &settings).await?;
    let was = catalog::contract::set_high_traffic(&mut tx, show, true).await?.ok_or(Error::ShowUnknown)?;
    let before = had_room.then_some(&changed.before);
    let deed = Deed::new("show.high_traffic", format!("show {show}"))
        .before(json!({"high_traffic": was, "room": before}))
        .after(json!({"high_traffic": true, "room": changed.after}));
    note(&mut tx, &staff.email, request, &deed).await?;
    tx.commit().await?;
    Ok(Marked { room: changed.after, had_room })
}

/// Takes the mark away. The room stays, and whoever is in its line keeps their place.
///
/// # Errors
/// [`Error::ShowUnknown`].
pub async fn unmark(app: &App, staff: &Staff, show: &str, request: &RequestId) -> Result<(), Error> {
    let mut tx = app.pool.begin().await?;
    let was = catalog::contract::set_high_traffic(&mut tx, show, false).await?.ok_or(Error::ShowUnknown)?;
    if was {
        let deed = Deed::new("show.high_traffic", format!("show {show}"))
            .before(json!({"high_traffic": true}))
            .after(json!({"high_traffic": false}));
        note(&mut tx, &staff.email, request, &deed).await?;
    }
    tx.commit().await?;
    Ok(())
}
