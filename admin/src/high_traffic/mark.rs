//! Marking a show as high-traffic, and taking the mark away.

use admission::contract::RoomName;
use catalog::contract::{ShowId, Stop};
use chrono::Utc;
use kit::http::RequestId;
use serde_json::json;
use waitroom::contract::{RoomState, change_room_in, create_room, room_of_show};

use crate::{
    App,
    audit::AuditEntry,
    error::Error,
    high_traffic::{
        Marked, RoomSpec,
        preview::{Effect, with_new_room, with_room, without_mark},
    },
    room::{figures::RoomFigures, live, settings},
    staff::Staff,
    store::audit::record,
};

/// A show before it is marked or unmarked.
pub struct Standing {
    pub show: ShowId,
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
    /// [`Error::Field`] for a spec that no room can have; [`Error::RoomNameTaken`],
    /// [`Error::ShowWithdrawn`].
    pub async fn marking(&self, app: &App, spec: &RoomSpec) -> Result<Effect, Error> {
        spec.check()?;
        Ok(match &self.room {
            Some(known) => {
                with_room(self.marked, &known.room, &known.measures(), spec, &self.time_zone)
            }
            None => {
                may_have_room(app, &self.show).await?;
                with_new_room(&self.title, spec, Utc::now(), &self.time_zone)
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
        room.map(settings::mark).unwrap_or_default()
    )
}

/// How a show stands.
///
/// # Errors
/// [`Error::ShowUnknown`].
pub async fn standing(app: &App, show: &ShowId) -> Result<Standing, Error> {
    let seller = catalog::contract::seller(&app.pool, show).await?.ok_or(Error::ShowUnknown)?;
    let room = match room_of_show(&app.pool, show).await? {
        Some(room) => live::room(app, &room).await?,
        None => None,
    };
    // A draft is called by its id, and its venue may still change.
    let known = catalog::contract::show(&app.pool, show).await?;
    let (title, time_zone) = known.map_or_else(
        || (show.to_string(), "UTC".to_owned()),
        |known| (known.title, known.venue.time_zone),
    );
    Ok(Standing { show: show.clone(), title, time_zone, marked: seller.high_traffic, room })
}

/// A show that is withdrawn gets no room; the room of another is called as the show is, unless it
/// was made by hand.
async fn may_have_room(app: &App, show: &ShowId) -> Result<(), Error> {
    if catalog::contract::stop(&app.pool, show).await? == Some(Stop::Withdrawn) {
        return Err(Error::ShowWithdrawn);
    }
    match waitroom::contract::room(&app.pool, show).await? {
        Some(room) if room.show != *show => Err(Error::RoomNameTaken),
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
    show: &ShowId,
    (spec, looked): (&RoomSpec, Option<&str>),
    request: &RequestId,
) -> Result<Marked, Error> {
    spec.check()?;
    let found = standing(app, show).await?;
    if looked.is_some_and(|looked| looked != found.seen()) {
        return Err(Error::ChangedMeanwhile);
    }
    let method = found.room.as_ref().map_or(spec.new_method(), |known| known.room.method);
    let room = match &found.room {
        Some(known) => known.room.room.clone(),
        None => {
            may_have_room(app, show).await?;
            let name: RoomName = show.parse().map_err(|_| Error::ShowUnknown)?;
            // Its line is a Kafka topic, which no transaction reaches. Should the rest fail, the
            // next try finds the room.
            create_room(&app.pool, &app.kafka, &spec.new_room(name.clone(), show))
                .await
                .map_err(Error::of_making)?;
            name
        }
    };
    let mut tx = app.pool.begin().await?;
    let changed = change_room_in(&mut tx, &room, &spec.settings(method)).await?;
    let was = catalog::contract::set_high_traffic(&mut tx, show, true)
        .await?
        .ok_or(Error::ShowUnknown)?;
    // Publishing makes a room of its own, perhaps in this very moment.
    let had_room = found.room.is_some() || !spec.made(&changed.before);
    let before = had_room.then_some(&changed.before);
    if looked.is_some_and(|looked| looked != seen(was, before)) {
        return Err(Error::ChangedMeanwhile);
    }
    if !was || before != Some(&changed.after) {
        let entry = AuditEntry::new("show.high_traffic", format!("show {show}"))
            .before(json!({"high_traffic": was, "room": before}))
            .after(json!({"high_traffic": true, "room": changed.after}));
        record(&mut tx, staff, request, &entry).await?;
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
    show: &ShowId,
    request: &RequestId,
) -> Result<(), Error> {
    let mut tx = app.pool.begin().await?;
    let was = catalog::contract::set_high_traffic(&mut tx, show, false)
        .await?
        .ok_or(Error::ShowUnknown)?;
    if was {
        let entry = AuditEntry::new("show.high_traffic", format!("show {show}"))
            .before(json!({"high_traffic": true}))
            .after(json!({"high_traffic": false}));
        record(&mut tx, staff, request, &entry).await?;
    }
    tx.commit().await?;
    Ok(())
}
