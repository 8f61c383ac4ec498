//! Rooms: all of them, one of them, and changing one after its effect was shown.

use askama::Template;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Redirect, Response},
};
use identity::Fields;
use identity::form::shown_again;
use kit::{
    chart::{Chart, Series, line, sparkline},
    extract::{Path, Query},
    http::RequestId,
};
use serde::Deserialize;
use std::collections::HashMap;
use waitroom::contract::{Phase, RoomChange, RoomState, changed};

use super::view::{Faults, Frame, SCRIPT, Titles, faults_of, phase};
use crate::{
    App,
    error::Error,
    high_traffic::preview::Setting,
    http::session::{Anyone, Posted, Session},
    room::{
        figures::{Picture, RoomFigures},
        live,
        preview::{count, effects},
        settings::{self, mark, time_zone},
    },
};

/// Closed rooms listed at most.
const CLOSED_MAX: usize = 50;

#[derive(Template)]
#[template(path = "admin/rooms.html")]
struct RoomsPage {
    frame: Frame,
    script: String,
    rooms: Vec<Row>,
    closed: Vec<RoomState>,
    titles: Titles,
}

/// A room in the list, with the small picture of how many waited.
struct Row {
    live: RoomFigures,
    spark: String,
}

/// `GET /admin`
pub async fn all(State(app): State<App>, session: Session<Anyone>) -> Result<Response, Error> {
    let mut closed = waitroom::contract::rooms(&app.pool).await?;
    closed.retain(|room| room.phase == Phase::Closed);
    closed.truncate(CLOSED_MAX);
    let row = |live: &RoomFigures| Row {
        live: live.clone(),
        spark: waiting(&app.seen.picture(&live.room.room)).1,
    };
    let rooms: Vec<Row> = app.live.rooms().iter().map(row).collect();
    let shows =
        rooms.iter().map(|row| &row.live.room.show).chain(closed.iter().map(|room| &room.show));
    let titles = Titles::of(&app.pool, shows).await?;
    let frame = Frame::new(&session, "/admin");
    Ok(kit::page::html(&RoomsPage { frame, script: SCRIPT.url(), rooms, closed, titles }))
}

/// `GET /admin/stream`
pub async fn stream(
    State(app): State<App>,
    session: Session<Anyone>,
) -> Result<impl IntoResponse, Error> {
    live::stream(&app, session.token())
}

#[derive(Template)]
#[template(path = "admin/room.html")]
struct RoomPage {
    frame: Frame,
    script: String,
    /// What the room's show is called.
    title: String,
    live: RoomFigures,
    picture: String,
    /// Phases the room may go to, with the words of their buttons.
    phases: Vec<(Phase, &'static str)>,
    fields: [Field; 3],
    message: String,
    faults: Faults,
    done: Option<&'static str>,
}

/// A number of the form, as the room has it or as it was filled in.
struct Field {
    name: &'static str,
    label: &'static str,
    mode: &'static str,
    value: String,
}

/// Whether a room opens when its time has come.
pub fn opens_by_itself(phase: &Phase) -> bool {
    matches!(phase, Phase::Scheduled | Phase::PreQueue)
}

#[derive(Deserialize)]
pub struct Opening {
    done: Option<String>,
}

fn next_phases(room: &RoomState) -> Vec<(Phase, &'static str)> {
    let words = |next: Phase| match next {
        Phase::Open if room.phase == Phase::Paused => "Resume…",
        Phase::Open => "Open…",
        Phase::Paused => "Pause…",
        Phase::Closed => "Close…",
        Phase::PreQueue => "Let fans join…",
        Phase::Draft => "Back to draft…",
        Phase::Scheduled => "Schedule…",
    };
    [Phase::Open, Phase::Paused, Phase::PreQueue, Phase::Scheduled, Phase::Draft, Phase::Closed]
        .into_iter()
        .filter(|next| room.phase.allows(*next))
        .map(|next| (next, words(next)))
        .collect()
}

/// `GET /admin/rooms/{room}`
pub async fn one(
    State(app): State<App>,
    session: Session<Anyone>,
    Path(room): Path<String>,
    Query(opening): Query<Opening>,
) -> Result<Response, Error> {
    let live = live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?;
    let done = opening.done.map(|_| "Every instance follows within a second.");
    Ok(kit::page::html(&RoomPage { done, ..page(&app, &session, live, None).await? }))
}

/// The page of a room; with what was `given` in its form, where that is shown again.
async fn page(
    app: &App,
    session: &Session<Anyone>,
    live: RoomFigures,
    given: Option<&Fields>,
) -> Result<RoomPage, Error> {
    let room = &live.room;
    let title = title(app, room).await?;
    let value = |name: &str, now: String| {
        let known = given.filter(|fields| fields.0.contains_key(name));
        known.map_or(now, |fields| fields.raw(name).to_owned())
    };
    let field = |name, label, mode, now| Field { name, label, mode, value: value(name, now) };
    Ok(RoomPage {
        frame: Frame::new(session, "/admin"),
        script: SCRIPT.url(),
        title,
        picture: draw(&app.seen.picture(&room.room)),
        phases: next_phases(room),
        fields: [
            field(
                "rate_per_sec",
                "Let in per second, at most",
                "decimal",
                room.rate_per_sec.to_string(),
            ),
            field(
                "max_active",
                "Sessions in checkout, at most",
                "numeric",
                room.max_active.to_string(),
            ),
            field(
                "claim_window_secs",
                "Time to claim, in seconds",
                "numeric",
                room.claim_window_secs.to_string(),
            ),
        ],
        message: value("message", room.message.clone()),
        faults: Faults::default(),
        done: None,
        live,
    })
}

async fn title(app: &App, room: &RoomState) -> Result<String, Error> {
    Ok(Titles::of(&app.pool, [&room.show]).await?.title(&room.show).to_owned())
}

/// The page again, with what does not fit beside its field.
async fn again(
    app: &App,
    session: &Session<Anyone>,
    live: RoomFigures,
    fields: &Fields,
    error: Error,
) -> Result<Response, Error> {
    let shown =
        RoomPage { faults: faults_of(error)?, ..page(app, session, live, Some(fields)).await? };
    Ok(shown_again(kit::page::html(&shown)))
}

/// `GET /admin/rooms/{room}/picture`: the SVG alone.
pub async fn picture(
    State(app): State<App>,
    _: Session<Anyone>,
    Path(room): Path<String>,
) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, draw(&app.seen.picture(&room))).into_response()
}

fn draw(picture: &Picture) -> String {
    let labels: Vec<String> = picture
        .ago_secs
        .iter()
        .map(|ago| if *ago < 60 { "now".to_owned() } else { format!("−{} min", ago / 60) })
        .collect();
    let last = |values: &[f64]| values.last().copied().unwrap_or_default();
    let describe = format!(
        "Joins: {}/s now. Let in: {}/s now.",
        last(&picture.inflow_per_sec),
        last(&picture.admitted_per_sec)
    );
    let series = [
        Series { name: "Joins", values: &picture.inflow_per_sec },
        Series { name: "Let in", values: &picture.admitted_per_sec },
    ];
    let chart = line(&Chart {
        title: "Joins and fans let in, per second",
        describe: &describe,
        labels: &labels,
        series: &series,
        unit: "per second",
    });
    let (waiting, spark) = waiting(picture);
    format!(
        "{chart}<figcaption class=\"row\"><span>Waiting</span>{spark}<span \
            class=\"num\">{waiting}</span></figcaption>"
    )
}

/// How many wait, and how that went over ten minutes.
fn waiting(picture: &Picture) -> (String, String) {
    let now = count(picture.waiting.last().copied().unwrap_or_default() as i64);
    let spark = sparkline(&format!("Waiting over ten minutes; now {now}"), &picture.waiting);
    (now, spark)
}

#[derive(Template)]
#[template(path = "admin/confirm.html")]
pub struct ConfirmPage {
    pub frame: Frame,
    pub title: String,
    pub note: Option<&'static str>,
    pub effects: Vec<String>,
    /// Setting by setting, where that says more than words.
    pub settings: Vec<Setting>,
    pub back: String,
    pub action: String,
    pub hidden: Vec<(&'static str, String)>,
    /// The label of a reason that is asked for.
    pub reason: Option<&'static str>,
    pub faults: Faults,
    pub danger: bool,
    pub button: &'static str,
}

fn change_of(fields: &Fields) -> Result<RoomChange, Error> {
    Ok(RoomChange {
        phase: phase(fields.text("phase"))?,
        rate_per_sec: fields.number("rate_per_sec")?,
        max_active: fields.number("max_active")?,
        claim_window_secs: fields.number("claim_window_secs")?,
        message: fields.0.get("message").map(|text| text.replace("\r\n", "\n").trim().to_owned()),
    })
}

async fn confirm(
    app: &App,
    session: &Session<Anyone>,
    live: RoomFigures,
    fields: &Fields,
    note: Option<&'static str>,
) -> Result<Response, Error> {
    let fits = change_of(fields).and_then(|change| {
        changed(&live.room, &change)?;
        Ok(change)
    });
    let change = match fits {
        Ok(change) => change,
        Err(error) => return again(app, session, live, fields, error).await,
    };
    let mut hidden = vec![("seen", mark(&live.room))];
    for name in ["phase", "rate_per_sec", "max_active", "claim_window_secs", "message"] {
        if fields.0.contains_key(name) {
            hidden.push((name, fields.text(name).to_owned()));
        }
    }
    let closes = change.phase == Some(Phase::Closed);
    let page = ConfirmPage {
        frame: Frame::new(session, "/admin"),
        title: format!("Change {}", title(app, &live.room).await?),
        note,
        effects: effects(&live.room, &live.flow, &change, &time_zone(app, &live.room.show).await?),
        settings: Vec::new(),
        back: format!("/admin/rooms/{}", live.room.room),
        action: format!("/admin/rooms/{}/change", live.room.room),
        hidden,
        reason: None,
        faults: Faults::default(),
        danger: closes,
        button: if closes { "Close the room for good" } else { "Make the change" },
    };
    Ok(kit::page::html(&page))
}

/// `GET /admin/rooms/{room}/change`: what a change would do.
pub async fn preview(
    State(app): State<App>,
    session: Session<Anyone>,
    Path(room): Path<String>,
    Query(fields): Query<HashMap<String, String>>,
) -> Result<Response, Error> {
    let live = live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?;
    confirm(&app, &session, live, &Fields(fields), None).await
}

/// `POST /admin/rooms/{room}/change`: the change, once confirmed.
pub async fn change(
    State(app): State<App>,
    Path(room): Path<String>,
    request: RequestId,
    Posted { session, form: fields }: Posted<Anyone>,
) -> Result<Response, Error> {
    let changed = match change_of(&fields) {
        Ok(change) => {
            settings::change(
                &app,
                &session.person,
                &room,
                &change,
                Some(fields.text("seen")),
                &request,
            )
            .await
        }
        Err(error) => Err(error),
    };
    let note = match changed {
        Ok(_) => return Ok(Redirect::to(&format!("/admin/rooms/{room}?done=1")).into_response()),
        Err(Error::ChangedMeanwhile) => {
            Some("The room was changed since you looked. This is what your change would do now.")
        }
        // The page that is shown instead says what does not fit.
        Err(Error::Field { .. }) => None,
        Err(error) => return Err(error),
    };
    let live = live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?;
    confirm(&app, &session, live, &fields, note).await
}
