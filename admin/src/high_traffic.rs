//! Marking a show as high-traffic: it is sold through a waiting room from then on.

use catalog::contract::Stop;
use chrono::{DateTime, Utc};
use kit::http::RequestId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use waitroom::contract::{
    NewRoom, RoomChange, RoomState, change_room_in, create_room, room_of_show,
};

use crate::{
    App,
    audit::{AuditEntry, note},
    error::Error,
    live::{self, RoomFigures},
    marking::{Effect, with_new_room, with_room, without_mark},
    staff::Staff,
};

/// As many as a gate can have.
const LANES_MAX: i32 = 256;

/// What the room of a high-traffic show is to be like.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RoomSpec {
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

impl RoomSpec {
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

    /// What of it a room that is there takes on.
    pub fn settings(&self) -> RoomChange {
        RoomChange {
            rate_per_sec: Some(self.rate_per_sec),
            max_active: Some(self.max_active),
            claim_window_secs: Some(self.claim_window_secs),
            ..RoomChange::default()
        }
    }

    fn new_room(&self, show: &str) -> NewRoom {
        NewRoom {
            room: show.to_owned(),
            show: show.to_owned(),
            lanes: self.lanes,
            rate_per_sec: self.rate_per_sec,
            max_active: self.max_active,
            claim_window_secs: self.claim_window_secs,
            message: String::new(),
            opens_at: self.opens_at,
        }
    }

    fn made(&self, room: &RoomState) -> bool {
        (room.lanes, room.max_active, room.claim_window_secs)
            == (self.lanes, self.max_active, self.claim_window_secs)
            && (room.rate_per_sec - self.rate_per_sec).abs() <= f64::EPSILON
    }
}

/// A show before it is marked or unmarked.
pub struct Standing {
    pub show: String,
    pub title: String,
    /// IANA name, of the venue.
    pub time_zone: String,
    pub marked: bool,
    pub room: Option<RoomFigures>,
}

impl Standing {
    /// What a preview was made of, in a few characters.
    pub fn seen(&self) -> String {
        seen(self.marked, self.room.as_ref().map(|known| &known.room))
    }

    /// What marking it would do.
    ///
    /// # Errors
    /// [`Error::Field`] for a wish that no room can have; [`Error::RoomNameTaken`],
    /// [`Error::ShowWithdrawn`].
    pub async fn marking(&self, app: &App, wish: &RoomSpec) -> Result<Effect, Error> {
        wish.check()?;
        Ok(match &self.room {
            Some(known) => with_room(self.marked, &known.room, &known.flow, wish, &self.time_zone),
            None => {
                may_have_room(app, &self.show).await?;
                with_new_room(&self.show, wish, Utc::now(), &self.time_zone)
            }
        })
    }

    /// What taking the mark away would do.
    pub fn unmarking(&self) -> Effect {
        without_mark(
            self.marked,
            self.room.as_ref().map(|known| (&known.room, &known.flow)),
            &self.time_zone,
        )
    }
}

fn seen(marked: bool, room: Option<&RoomState>) -> String {
    format!(
        "{}{}",
        if marked { "marked" } else { "unmarked" },
        room.map(crate::rooms::mark).unwrap_or_default()
    )
}

/// How a show stands.
///
/// # Errors
/// [`Error::ShowUnknown`].
pub async fn standing(app: &App, show: &str) -> Result<Standing, Error> {
    let seller = catalog::contract::seller(&app.pool, show).await?.ok_or(Error::ShowUnknown)?;
    let room = match room_of_show(&app.pool, show).await? {
        Some(room) => live::room(app, &room).await?,
        None => None,
    };
    // A draft is called by its id, and its venue may still change.
    let known = catalog::contract::show(&app.pool, show).await?;
    let (title, time_zone) = known.map_or_else(
        || (show.to_owned(), "UTC".to_owned()),
        |known| (known.title, known.venue.time_zone),
    );
    Ok(Standing { show: show.to_owned(), title, time_zone, marked: seller.high_traffic, room })
}

/// A show that is withdrawn gets no room; the room of another is called as the show is, unless it
/// was made by hand.
async fn may_have_room(app: &App, show: &str) -> Result<(), Error> {
    if catalog::contract::stop(&app.pool, show).await? == Some(Stop::Withdrawn) {
        return Err(Error::ShowWithdrawn);
    }
    match waitroom::contract::room(&app.pool, show).await? {
        Some(room) if room.show != show => Err(Error::RoomNameTaken),
        _ => Ok(()),
    }
}

/// Marks a show and makes its room and lanes, or changes the settings of the room it has. Doing so
/// twice is as once. `looked` is what [`Standing::seen`] gave for the preview that was confirmed,
/// `None` where none was asked for.
///
/// # Errors
/// [`Error::ShowUnknown`], [`Error::ShowWithdrawn`], [`Error::Field`], [`Error::RoomNameTaken`];
/// [`Error::ChangedMeanwhile`] where the show no longer stands as it did.
pub async fn mark(
    app: &App,
    staff: &Staff,
    show: &str,
    (wish, looked): (&RoomSpec, Option<&str>),
    request: &RequestId,
) -> Result<Marked, Error> {
    wish.check()?;
    let found = standing(app, show).await?;
    if looked.is_some_and(|looked| looked != found.seen()) {
        return Err(Error::ChangedMeanwhile);
    }
    let room = match &found.room {
        Some(known) => known.room.room.clone(),
        None => {
            may_have_room(app, show).await?;
            // Its line is a Kafka topic, which no transaction reaches. Should the rest fail, the
            // next try finds the room.
            create_room(&app.pool, &app.kafka, &wish.new_room(show))
                .await
                .map_err(Error::of_making)?;
            show.to_owned()
        }
    };
    let mut tx = app.pool.begin().await?;
    let changed = change_room_in(&mut tx, &room, &wish.settings()).await?;
    let was = catalog::contract::set_high_traffic(&mut tx, show, true)
        .await?
        .ok_or(Error::ShowUnknown)?;
    // Publishing makes a room of its own, perhaps in this very moment.
    let had_room = found.room.is_some() || !wish.made(&changed.before);
    let before = had_room.then_some(&changed.before);
    if looked.is_some_and(|looked| looked != seen(was, before)) {
        return Err(Error::ChangedMeanwhile);
    }
    if !was || before != Some(&changed.after) {
        let deed = AuditEntry::new("show.high_traffic", format!("show {show}"))
            .before(json!({"high_traffic": was, "room": before}))
            .after(json!({"high_traffic": true, "room": changed.after}));
        note(&mut tx, staff, request, &deed).await?;
    }
    tx.commit().await?;
    Ok(Marked { room: changed.after, had_room })
}

/// Takes the mark away. The room stays, and whoever is in its line keeps their place.
///
/// # Errors
/// [`Error::ShowUnknown`].
pub async fn unmark(
    app: &App,
    staff: &Staff,
    show: &str,
    request: &RequestId,
) -> Result<(), Error> {
    let mut tx = app.pool.begin().await?;
    let was = catalog::contract::set_high_traffic(&mut tx, show, false)
        .await?
        .ok_or(Error::ShowUnknown)?;
    if was {
        let deed = AuditEntry::new("show.high_traffic", format!("show {show}"))
            .before(json!({"high_traffic": true}))
            .after(json!({"high_traffic": false}));
        note(&mut tx, staff, request, &deed).await?;
    }
    tx.commit().await?;
    Ok(())
}
