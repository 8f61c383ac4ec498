//! The queue page: the same line for people, with or without scripts. The place ticket lives in a cookie.

use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{State, rejection::FormRejection},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use catalog::contract::Show;
use chrono::{DateTime, Utc};
use kit::{cookie::Cookie, extract::Path, http::RequestId};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    claim::claim,
    error::Error,
    page_view::{Entrance, QUEUE_JS, QueuePage, QueueView, Waiting, WindowMissed, YourTurn},
    phase::Phase,
    place::PlaceClaims,
    room::Room,
    routes::{PlaceState, joined_at, standing},
    run::App,
    wait::{self, WaitRange},
};

/// A place is good until its room closes; no sale takes longer than this.
const PLACE_SECS: i64 = 7 * 86_400;

/// The place ticket of a room.
const PLACE: Cookie = Cookie::lax("fg_place");
/// Remembers that a place of a room was traded for checkout, so that its fan is not told that nobody came.
const ENTERED: Cookie = Cookie::lax("fg_entered");
/// The admission pass on its way to checkout.
const PASS: Cookie = Cookie::lax("fg_pass");

/// Pages that join.
pub fn joining() -> OpenApiRouter<App> {
    OpenApiRouter::from(Router::new().route("/queue/{show}/join", axum::routing::post(join)))
}

/// Pages that look.
pub fn waiting() -> OpenApiRouter<App> {
    let routes = Router::new()
        .route("/queue/{show}", axum::routing::get(queue))
        .route("/queue/{show}/enter", axum::routing::post(enter))
        .merge(kit::asset::router(&[&QUEUE_JS]));
    OpenApiRouter::from(routes)
}

/// From memory where the room is known, so that the line goes on while the database is away.
async fn room_and_show(app: &App, show: &str) -> Result<(Arc<Room>, Arc<Show>), Error> {
    let room = app.rooms.of_show(show)?;
    let read = room.as_ref().and_then(|room| room.show());
    let known = match read {
        Some(known) => known,
        None => Arc::new(catalog::contract::show(&app.pool, show).await?.ok_or(Error::ShowUnknown)?),
    };
    Ok((room.ok_or(Error::NoLine)?, known))
}

/// The place in the browser's cookie, if it is one of this room's.
fn place_of(app: &App, room: &Room, jar: &CookieJar) -> Option<PlaceClaims> {
    let ticket = PLACE.of(&room.name).read(jar, &app.public)?;
    app.open_ticket(room, Some(ticket)).ok()
}

async fn queue(State(app): State<App>, Path(show): Path<String>, jar: CookieJar) -> Result<Response, Error> {
    let (room, show) = room_and_show(&app, &show).await?;
    let now = Utc::now();
    let place = place_of(&app, &room, &jar);
    let entered = ENTERED.of(&room.name);
    let view = view(&room, place.as_ref(), now);
    if let (Some(place), QueueView::WindowMissed(_)) = (&place, &view)
        && entered.read(&jar, &app.public) == Some(&place.id())
    {
        return Ok(Redirect::to("/checkout").into_response());
    }
    Ok(kit::page::html(&QueuePage { room: room.name.clone(), show, view, now }))
}

fn entrance(room: &Room) -> Entrance {
    let (info, document) = (room.info(), room.document());
    let waiting = document.head.waiting;
    Entrance {
        phase: info.phase,
        people_waiting: waiting,
        wait: wait::range(waiting, document.head.pace_per_sec.filter(|pace| *pace > 0.0), info.rate_per_sec),
        claim_window_secs: info.claim_window_secs,
        message: info.message.clone(),
    }
}

fn view(room: &Room, place: Option<&PlaceClaims>, now: DateTime<Utc>) -> QueueView {
    let info = room.info();
    let Some(place) = place else {
        return match info.phase {
            Phase::Closed => QueueView::Closed { message: info.message.clone() },
            _ => QueueView::NotJoined(entrance(room)),
        };
    };
    let body = standing(room, place, now);
    match (body.state, body.claim_until) {
        (PlaceState::YourTurn, Some(claim_until)) => QueueView::YourTurn(YourTurn { claim_until }),
        (PlaceState::Waiting, _) if info.phase == Phase::Closed => QueueView::Closed { message: info.message.clone() },
        (PlaceState::Waiting, _) => QueueView::Waiting(Waiting {
            lane: place.lane,
            offset: place.offset,
            number: body.place,
            ahead: body.ahead,
            ahead_at_join: place.ahead_at_join,
            people_waiting: room.document().head.waiting,
            wait: body
                .wait_secs_min
                .zip(body.wait_secs_max)
                .map(|(low_secs, high_secs)| WaitRange { low_secs, high_secs }),
            phase: info.phase,
            message: info.message.clone(),
            joined_at: joined_at(place),
            claim_window_secs: info.claim_window_secs,
            poll_after_ms: body.poll_after_ms,
        }),
        (PlaceState::WindowMissed | PlaceState::YourTurn, missed_at) => QueueView::WindowMissed(WindowMissed {
            missed_at,
            claim_window_secs: info.claim_window_secs,
            entrance: entrance(room),
        }),
    }
}

#[derive(Deserialize)]
struct JoinForm {
    /// Set by whoever missed the window and wants a new place.
    again: Option<String>,
}

async fn join(
    State(app): State<App>,
    Path(show): Path<String>,
    jar: CookieJar,
    request: RequestId,
    form: Result<Form<JoinForm>, FormRejection>,
) -> Result<Response, Error> {
    let (room, show) = room_and_show(&app, &show).await?;
    let back = Redirect::to(&format!("/queue/{}", show.show));
    if let Some(place) = place_of(&app, &room, &jar) {
        let missed = standing(&room, &place, Utc::now()).state == PlaceState::WindowMissed;
        let again = form.is_ok_and(|Form(form)| form.again.is_some());
        // Pressing the button twice, or in two tabs, keeps the one place.
        if !(missed && again) {
            return Ok(back.into_response());
        }
    }
    let joined = app.joiner.join(&room, &request).await?;
    let cookie = PLACE.of(&room.name).set(&app.public, &joined.ticket, PLACE_SECS);
    Ok((AppendHeaders([cookie]), back).into_response())
}

/// Hands the pass to checkout: the browser repeats this POST there, with the pass in a cookie.
async fn enter(State(app): State<App>, Path(show): Path<String>, jar: CookieJar) -> Result<Response, Error> {
    let (room, show) = room_and_show(&app, &show).await?;
    let Some(place) = place_of(&app, &room, &jar) else {
        return Ok(Redirect::to(&format!("/queue/{}", show.show)).into_response());
    };
    match claim(&room, &app.pass_keys, &place, Utc::now()) {
        Ok(claimed) => {
            let pass = PASS.set(&app.public, &claimed.pass, PLACE_SECS);
            let entered = ENTERED.of(&room.name).set(&app.public, &place.id(), PLACE_SECS);
            Ok((AppendHeaders([pass, entered]), Redirect::temporary("/checkout/enter")).into_response())
        }
        // The queue page says what is so.
        Err(Error::NotYourTurn { .. } | Error::WindowMissed) => {
            Ok(Redirect::to(&format!("/queue/{}", show.show)).into_response())
        }
        Err(error) => Err(error),
    }
}
