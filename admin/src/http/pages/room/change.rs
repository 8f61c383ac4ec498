//! Changing a room after its effect was shown.

use std::collections::HashMap;

use admission::contract::PaceMode;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use identity::Fields;
use kit::{
    extract::{Path, Query},
    http::RequestId,
};
use waitroom::contract::{Phase, RoomChange, changed};

use super::again;
use crate::{
    App,
    error::Error,
    http::{
        pages::{
            order::chosen,
            rooms::ConfirmPage,
            view::{Faults, Frame, phase},
        },
        session::{Anyone, Posted, Session},
    },
    room::{
        figures::RoomFigures,
        live,
        preview::effects,
        settings::{self, mark, time_zone},
    },
};

/// All that the form may change.
const FIELDS: [&str; 14] = [
    "phase",
    "method",
    "entropy_source",
    "rate_per_sec",
    "pace_mode",
    "floor_per_sec",
    "order_ms_target",
    "max_active",
    "claim_window_secs",
    "message",
    "sleeps",
    "wake_per_sec",
    "wake_active",
    "wake",
];

fn change_of(fields: &Fields) -> Result<RoomChange, Error> {
    let (method, entropy_source) = chosen(fields)?;
    Ok(RoomChange {
        phase: phase(fields.text("phase"))?,
        method,
        entropy_source,
        rate_per_sec: fields.number("rate_per_sec")?,
        max_active: fields.number("max_active")?,
        claim_window_secs: fields.number("claim_window_secs")?,
        pace_mode: mode(fields.text("pace_mode"))?,
        floor_per_sec: fields.number("floor_per_sec")?,
        order_ms_target: fields.number("order_ms_target")?,
        sleeps: sleeps(fields.text("sleeps"))?,
        wake_per_sec: fields.number("wake_per_sec")?,
        wake_active: fields.number("wake_active")?,
        wake: !fields.text("wake").is_empty(),
        message: fields.0.get("message").map(|text| text.replace("\r\n", "\n").trim().to_owned()),
    })
}

/// Whether it sleeps, out of a form; `None` where it is not asked for.
fn sleeps(text: &str) -> Result<Option<bool>, Error> {
    match text {
        "" => Ok(None),
        text => {
            let known = text.parse().map(Some);
            known.map_err(|_| Error::field("sleeps", "Choose whether it sleeps."))
        }
    }
}

/// What the pace follows, out of a form; `None` where it is not asked for.
fn mode(text: &str) -> Result<Option<PaceMode>, Error> {
    match text {
        "" => Ok(None),
        text => {
            let known = text.parse().map(Some);
            known.map_err(|_| Error::field("pace_mode", "Choose what the pace follows."))
        }
    }
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
    for name in FIELDS {
        if fields.0.contains_key(name) {
            hidden.push((name, fields.text(name).to_owned()));
        }
    }
    let closes = change.phase == Some(Phase::Closed);
    let page = ConfirmPage {
        frame: Frame::new(app, session, "/admin"),
        title: format!("Change {}", live.title()),
        note,
        effects: effects(
            &live.room,
            &live.measures(),
            &change,
            &time_zone(app, &live.room.show).await?,
        ),
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
