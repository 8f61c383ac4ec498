//! The queue page: the same line for people, with or without scripts. The place ticket lives in a cookie.

use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use catalog::contract::Show;
use chrono::{DateTime, Utc};
use kit::{extract::Path, http::RequestId};
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
const PLACE_DAYS: i64 = 7;

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

fn place_cookie(room: &str) -> String {
    format!("fg_place_{room}")
}

/// Remembers that a place was traded for checkout, so that its fan is not told that nobody came.
fn entered_cookie(room: &str) -> String {
    format!("fg_entered_{room}")
}

fn cookie(app: &App, name: String, value: String, path: String) -> Cookie<'static> {
    Cookie::build((name, value))
        .path(path)
        .http_only(true)
        .secure(app.https)
        .same_site(SameSite::Lax)
        .max_age(time::Duration::days(PLACE_DAYS))
        .build()
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
    let ticket = jar.get(&place_cookie(&room.name))?;
    app.open_ticket(room, Some(ticket.value())).ok()
}

async fn queue(State(app): State<App>, Path(show): Path<String>, jar: CookieJar) -> Result<Response, Error> {
    let (room, show) = room_and_show(&app, &show).await?;
    let now = Utc::now();
    let place = place_of(&app, &room, &jar);
    let entered = jar.get(&entered_cookie(&room.name)).map(|cookie| cookie.value().to_owned());
    let view = view(&room, place.as_ref(), now);
    if let (Some(place), QueueView::WindowMissed(_)) = (&place, &view)
        && entered.as_deref() == Some(&place.id())
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
    let path = format!("/queue/{}", show.show);
    let jar = jar.add(cookie(&app, place_cookie(&room.name), joined.ticket, path));
    Ok((jar, back).into_response())
}

/// Hands the pass to checkout: the browser repeats this POST there, with the pass in a cookie only checkout sees.
async fn enter(State(app): State<App>, Path(show): Path<String>, jar: CookieJar) -> Result<Response, Error> {
    let (room, show) = room_and_show(&app, &show).await?;
    let Some(place) = place_of(&app, &room, &jar) else {
        return Ok(Redirect::to(&format!("/queue/{}", show.show)).into_response());
    };
    match claim(&room, &app.pass_keys, &place, Utc::now()) {
        Ok(claimed) => {
            let entered = cookie(&app, entered_cookie(&room.name), place.id(), format!("/queue/{}", show.show));
            let pass = cookie(&app, "fg_pass".to_owned(), claimed.pass, "/checkout".to_owned());
            let jar = CookieJar::new().add(pass).add(entered);
            Ok((jar, Redirect::temporary("/checkout/enter")).into_response())
        }
        // The queue page says what is so.
        Err(Error::NotYourTurn { .. } | Error::WindowMissed) => {
            Ok(Redirect::to(&format!("/queue/{}", show.show)).into_response())
        }
        Err(error) => Err(error),
    }
}
