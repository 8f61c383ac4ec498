//! All shows.

use askama::Template;
use axum::{extract::State, response::Response};
use catalog::contract::{ShowEntry, ShowId, when};
use kit::extract::Query;
use serde::Deserialize;
use std::collections::HashMap;
use waitroom::contract::rooms;

use super::view::{Frame, Titles};
use crate::{
    App,
    error::Error,
    http::session::{Anyone, Session},
};

const PAGE: i64 = 100;

struct Row {
    show: ShowEntry,
    /// Who performs and when; only when where that is all there is.
    line: String,
    on_sale: String,
    room: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/shows.html")]
struct ShowsPage {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<ShowId>,
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
    session: Session<Anyone>,
    Query(opening): Query<Opening>,
) -> Result<Response, Error> {
    let shows = catalog::contract::all_shows(&app.pool, opening.after.as_deref(), PAGE).await?;
    let next =
        (shows.len() as i64 == PAGE).then(|| shows.last().map(|show| show.show.clone())).flatten();
    let rooms: HashMap<ShowId, String> =
        rooms(&app.pool).await?.into_iter().map(|room| (room.show, room.room.into())).collect();
    let titles = Titles::of(&app.pool, shows.iter().map(|show| &show.show)).await?;
    let line = |show: &ShowEntry| match titles.line(&show.show) {
        unknown if unknown.is_empty() => when::day(show.starts_at, &show.time_zone),
        line => line,
    };
    let row = |show: ShowEntry| Row {
        line: line(&show),
        on_sale: when::full(show.on_sale_at, &show.time_zone),
        room: rooms.get(&show.show).cloned(),
        show,
    };
    let done = match opening.done.as_deref() {
        Some("new") => {
            Some(("Marked", "The room and its lanes are made. Open it when the sale begins."))
        }
        Some("changed") => Some((
            "Marked",
            "The show had a room already: its settings are changed, its lanes stay.",
        )),
        Some("withdrawn") => Some((
            "Withdrawn",
            "Nothing of the show is sold any more, and its room closes within a second.",
        )),
        Some("unmarked") => {
            Some(("The mark is taken away", "The room stays, with everybody in it."))
        }
        _ => None,
    };
    let frame = Frame::new(&app, &session, "/admin/shows");
    Ok(kit::page::html(&ShowsPage {
        frame,
        rows: shows.into_iter().map(row).collect(),
        next,
        done,
    }))
}
