//! Shows, and marking them as high-traffic.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::{ShowEntry, when};
use chrono::{DateTime, NaiveDateTime, Utc};
use kit::{
    extract::{Path, Query},
    http::RequestId,
};
use serde::Deserialize;
use std::collections::HashMap;
use waitroom::contract::{RoomState, rooms};

use super::view::{Faults, Frame};
use crate::{
    App,
    error::Error,
    high_traffic::{self, RoomWish},
    session::{Admins, Anyone, Fields, Posted, Signed},
};

const PAGE: i64 = 100;

struct Row {
    show: ShowEntry,
    on_sale: String,
    room: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/shows.html")]
struct ShowsPage {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    done: Option<(&'static str, &'static str)>,
}

#[derive(Deserialize)]
pub struct Opening {
    after: Option<String>,
    done: Option<String>,
}

/// `GET /admin/shows`
pub async fn all(
    State(app): State<App>,
    signed: Signed<Anyone>,
    Query(opening): Query<Opening>,
) -> Result<Response, Error> {
    let shows = catalog::contract::all_shows(&app.pool, opening.after.as_deref(), PAGE).await?;
    let next = (shows.len() as i64 == PAGE).then(|| shows.last().map(|show| show.show.clone())).flatten();
    let rooms: HashMap<String, String> =
        rooms(&app.pool).await?.into_iter().map(|room| (room.show, room.room)).collect();
    let row = |show: ShowEntry| Row {
        on_sale: when::full(show.on_sale_at, &show.time_zone),
        room: rooms.get(&show.show).cloned(),
        show,
    };
    let done = match opening.done.as_deref() {
        Some("new") => Some(("Marked", "The room and its lanes are made. Open it when the sale begins.")),
        Some("changed") => Some(("Marked", "The show had a room already: its settings are changed, its lanes stay.")),
        Some("unmarked") => Some(("The mark is taken away", "The room stays, with everybody in it.")),
        _ => None,
    };
    let frame = Frame::new(&signed, "shows");
    Ok(kit::page::html(&ShowsPage { frame, rows: shows.into_iter().map(row).collect(), next, done }))
}

/// A field of the form, as it was filled in.
struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    kind: &'static str,
    value: String,
}

#[derive(Template)]
#[template(path = "admin/show.html")]
struct ShowPage {
    frame: Frame,
    show: String,
    room: Option<RoomState>,
    marked: bool,
    fields: Vec<Field>,
    faults: Faults,
}

async fn room_of(app: &App, show: &str) -> Result<Option<RoomState>, Error> {
    Ok(match waitroom::contract::room_of_show(&app.pool, show).await? {
        Some(room) => waitroom::contract::room(&app.pool, &room).await?,
        None => None,
    })
}

async fn form(
    app: &App,
    signed: &Signed<Admins>,
    show: String,
    given: Option<&Fields>,
    faults: Faults,
) -> Result<Response, Error> {
    if catalog::contract::seller(&app.pool, &show).await?.is_none() {
        return Err(Error::ShowUnknown);
    }
    let room = room_of(app, &show).await?;
    let known = catalog::contract::show(&app.pool, &show).await?;
    let now = room.as_ref();
    let value = |name: &str, default: String| given.map_or(default, |fields| fields.text(name).to_owned());
    let field =
        |name, label, hint, default: String| Field { name, label, hint, kind: "text", value: value(name, default) };
    let mut fields = vec![
        field("rate_per_sec", "Let in per second, at most", "", now.map_or(50.0, |room| room.rate_per_sec).to_string()),
        field("max_active", "Sessions in checkout, at most", "", now.map_or(1000, |room| room.max_active).to_string()),
        field(
            "claim_window_secs",
            "Time to claim, in seconds",
            "",
            now.map_or(120, |room| room.claim_window_secs).to_string(),
        ),
    ];
    if room.is_none() {
        fields.insert(0, field("lanes", "Lanes", "1 to 256. They cannot be changed later.", "4".to_owned()));
        let opens = known.as_ref().map_or(String::new(), |show| show.on_sale_at.format("%Y-%m-%dT%H:%M").to_string());
        let hint = "In UTC. Leave it empty to open the room by hand.";
        fields.push(Field { kind: "datetime-local", ..field("opens_at", "Opens by itself", hint, opens) });
    }
    let marked = known.is_some_and(|show| show.high_traffic);
    let frame = Frame::new(signed, "shows");
    Ok(kit::page::html(&ShowPage { frame, show, room, marked, fields, faults }))
}

/// `GET /admin/shows/{show}`
pub async fn one(State(app): State<App>, signed: Signed<Admins>, Path(show): Path<String>) -> Result<Response, Error> {
    form(&app, &signed, show, None, Faults::default()).await
}

fn time(text: &str) -> Result<Option<DateTime<Utc>>, Error> {
    if text.is_empty() {
        return Ok(None);
    }
    ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
        .into_iter()
        .find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok())
        .map(|at| Some(at.and_utc()))
        .ok_or_else(|| Error::field("opens_at", "Give a day and a time, such as 2026-11-21T19:30."))
}

fn wish(fields: &Fields) -> Result<RoomWish, Error> {
    let needed = |name: &'static str| move || Error::field(name, "Give a number.");
    Ok(RoomWish {
        // A room that is there keeps its own, and its form does not ask.
        lanes: fields.number("lanes")?.unwrap_or(4),
        rate_per_sec: fields.number("rate_per_sec")?.ok_or_else(needed("rate_per_sec"))?,
        max_active: fields.number("max_active")?.ok_or_else(needed("max_active"))?,
        claim_window_secs: fields.number("claim_window_secs")?.ok_or_else(needed("claim_window_secs"))?,
        opens_at: time(fields.text("opens_at"))?,
    })
}

/// `POST /admin/shows/{show}/mark`
pub async fn mark(
    State(app): State<App>,
    Path(show): Path<String>,
    request: RequestId,
    Posted { signed, fields }: Posted<Admins>,
) -> Result<Response, Error> {
    let marked = match wish(&fields) {
        Ok(wish) => high_traffic::mark(&app, &signed.staff, &show, &wish, &request).await,
        Err(error) => Err(error),
    };
    match marked {
        Ok(marked) => {
            let done = if marked.had_room { "changed" } else { "new" };
            Ok(Redirect::to(&format!("/admin/shows?done={done}")).into_response())
        }
        Err(error) => {
            let page = form(&app, &signed, show, Some(&fields), Faults::of_error(error)?).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// `POST /admin/shows/{show}/unmark`
pub async fn unmark(
    State(app): State<App>,
    Path(show): Path<String>,
    request: RequestId,
    Posted { signed, .. }: Posted<Admins>,
) -> Result<Redirect, Error> {
    high_traffic::unmark(&app, &signed.staff, &show, &request).await?;
    Ok(Redirect::to("/admin/shows?done=unmarked"))
}
