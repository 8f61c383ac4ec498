//! One room: its figures, why its line moves as it does, and the form that steers it. [`change`]
//! shows what a change does and makes it, [`draw`] is its draw, [`entropy`] what is entered
//! into it, [`parts`] draws what a page fetches anew.

pub mod change;
pub mod draw;
pub mod entropy;
pub mod parts;

use admission::contract::{LineMethod, PaceMode};
use askama::Template;
use axum::{extract::State, response::Response};
use chrono::Utc;
use identity::{Fields, form::shown_again};
use kit::extract::{Path, Query};
use serde::Deserialize;
use waitroom::contract::{Phase, RoomState};

use self::draw::EntropyForm;
use super::{
    order::OrderChoice,
    view::{Faults, Frame, faults_of},
};
use crate::{
    App,
    error::Error,
    http::session::{Anyone, Session},
    room::{figures::RoomFigures, live},
};

#[derive(Template)]
#[template(path = "admin/room.html")]
struct RoomPage {
    frame: Frame,
    live: RoomFigures,
    picture: String,
    sales: String,
    /// Phases the room may go to, with the words of their buttons.
    phases: Vec<(Phase, &'static str)>,
    fields: [Field; 5],
    pace_mode: String,
    message: String,
    sleeps: String,
    /// At what it wakes.
    wake_fields: [Field; 2],
    /// How its draw stands; `None` where it makes none.
    draw: Option<String>,
    /// What somebody may enter now.
    entropy: Option<EntropyForm>,
    /// How those are ordered who come, where that can be changed.
    order: Option<OrderChoice>,
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
        Phase::Drawing => "Close entries and draw…",
        Phase::Draft => "Back to draft…",
        Phase::Scheduled => "Schedule…",
    };
    // A room that draws opens by way of its draw, and others make none.
    let draws = room.method == LineMethod::Draw && !room.phase.has_opened();
    let instead = if draws { Phase::Open } else { Phase::Drawing };
    let all = [
        Phase::Drawing,
        Phase::Open,
        Phase::Paused,
        Phase::PreQueue,
        Phase::Scheduled,
        Phase::Draft,
        Phase::Closed,
    ];
    all.into_iter()
        .filter(|next| room.phase.allows(*next) && *next != instead)
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
    let done = opening.done.map(|done| match done.as_str() {
        "draw" => "What was entered is mixed in; the draw is made within a second.",
        _ => "Every instance follows within a second.",
    });
    Ok(kit::page::html(&RoomPage { done, ..page(&app, &session, live, None).await? }))
}

impl RoomPage {
    /// Whether it is told how fast to be.
    fn has_rate(&self) -> bool {
        self.live.room.method != LineMethod::Passthrough
    }

    /// What the pace follows, in words.
    fn follows(&self) -> &'static str {
        match self.live.room.pacing.mode {
            _ if !self.has_rate() => "nothing: everybody is passed through",
            PaceMode::Follow => "checkout",
            PaceMode::Fixed => "the rate, whatever checkout says",
        }
    }
}

/// The page of a room; with what was `given` in its form, where that is shown again.
async fn page(
    app: &App,
    session: &Session<Anyone>,
    live: RoomFigures,
    given: Option<&Fields>,
) -> Result<RoomPage, Error> {
    let room = &live.room;
    let value = |name: &str, now: String| {
        let known = given.filter(|fields| fields.0.contains_key(name));
        known.map_or(now, |fields| fields.raw(name).to_owned())
    };
    Ok(RoomPage {
        frame: Frame::new(app, session, "/admin"),
        picture: parts::draw(&app.seen.picture(&room.room)),
        sales: parts::sales_of(app, &live).await?,
        phases: next_phases(room),
        fields: fields(room, value),
        pace_mode: value("pace_mode", room.pacing.mode.to_string()),
        message: value("message", room.message.clone()),
        sleeps: value("sleeps", room.sleep.sleeps.to_string()),
        wake_fields: wake_fields(room, value),
        draw: draw::part(&live, Utc::now())?,
        entropy: draw::form(room, given),
        order: room.phase.may_open_yet().then(|| {
            let source = room.draw.as_ref().map(|draw| draw.entropy_source);
            OrderChoice::new(given, room.method, source)
        }),
        faults: Faults::default(),
        done: None,
        live,
    })
}

/// The numbers of the form.
fn fields(room: &RoomState, value: impl Fn(&str, String) -> String) -> [Field; 5] {
    let field =
        |name, label, mode, now: String| Field { name, label, mode, value: value(name, now) };
    let pacing = &room.pacing;
    [
        field(
            "rate_per_sec",
            "Let in per second, at most",
            "decimal",
            room.rate_per_sec.to_string(),
        ),
        field(
            "floor_per_sec",
            "Let in per second, at least",
            "decimal",
            pacing.floor_per_sec.to_string(),
        ),
        field(
            "order_ms_target",
            "99 of 100 orders take less than, in milliseconds",
            "numeric",
            pacing.order_ms_target.to_string(),
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
    ]
}

/// The numbers at which it wakes.
fn wake_fields(room: &RoomState, value: impl Fn(&str, String) -> String) -> [Field; 2] {
    let field =
        |name, label, mode, now: String| Field { name, label, mode, value: value(name, now) };
    let sleep = &room.sleep;
    [
        field(
            "wake_per_sec",
            "Wakes where more come per second",
            "decimal",
            sleep.wake_per_sec.to_string(),
        ),
        field(
            "wake_active",
            "Wakes where so many are in checkout",
            "numeric",
            sleep.wakes_at(room.max_active).to_string(),
        ),
    ]
}

/// The page again, with what does not fit beside its field.
pub async fn again(
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
