//! The queue page: the same line for people, with or without scripts. The place ticket lives in a
//! cookie; where the browser keeps none, it stays in the page's address, and the page says so.

pub mod picture;
pub mod states;
pub mod view;

use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{OriginalUri, State, rejection::FormRejection},
    http::header,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use catalog::contract::Show;
use chrono::{DateTime, Utc};
use kit::{
    cookie::Cookie,
    extract::{Path, Query},
    http::RequestId,
};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::App,
    claim::claim,
    error::Error,
    http::{
        joining::Joining,
        pages::queue::{
            states::{Entrance, Stopped, Waiting, WindowMissed, YourTurn},
            view::{Keeping, QUEUE_JS, QueuePage, QueueView},
        },
    },
    place::{
        PlaceClaims,
        standing::{PlaceState, joined_at, standing},
        wait::{self, WaitRange},
    },
    room::{live::Room, phase::Phase},
};

/// A place is good until its room closes; no sale takes longer than this.
const PLACE_SECS: i64 = 7 * 86_400;

/// The place ticket of a room.
const PLACE: Cookie = Cookie::lax("fg_place");
/// Remembers that a place of a room was traded for checkout, so that its fan is not told that
/// nobody came.
const ENTERED: Cookie = Cookie::lax("fg_entered");
/// The admission pass of a show, on its way to checkout.
const PASS: Cookie = Cookie::lax("fg_pass");

/// Pages that join.
pub fn joining() -> OpenApiRouter<App> {
    OpenApiRouter::from(
        Router::new().route("/queue/{show}/join", axum::routing::post(join).get(again)),
    )
}

/// Pages that look.
pub fn waiting() -> OpenApiRouter<App> {
    let routes = Router::new()
        .route("/queue/{show}", axum::routing::get(queue))
        .route("/queue/{show}/enter", axum::routing::post(enter).get(again))
        .merge(kit::asset::router(&[&QUEUE_JS]));
    OpenApiRouter::from(routes)
}

/// Comes back from every browser that keeps cookies, before a place depends on one.
const COOKIES: Cookie = Cookie::lax("fg_cookies");

fn keeps_cookies(app: &App, jar: &CookieJar) -> bool {
    COOKIES.read(jar, &app.public).is_some()
}

/// A place in the address is a secret, so it is told to nobody: the page names nobody else's
/// address, sends no referrer, and addresses are not logged.
#[derive(Deserialize)]
struct Address {
    place: Option<String>,
}

fn queue_path(show: &str) -> String {
    format!("/queue/{show}")
}

/// From memory where the room is known, so that the line goes on while the database is away.
async fn room_and_show(app: &App, show: &str) -> Result<(Arc<Room>, Arc<Show>), Error> {
    let room = app.rooms.of_show(show)?;
    let read = room.as_ref().and_then(|room| room.show());
    let known = match read {
        Some(known) => known,
        None => {
            Arc::new(catalog::contract::show(&app.pool, show).await?.ok_or(Error::ShowUnknown)?)
        }
    };
    Ok((room.ok_or(Error::NoLine)?, known))
}

/// A fan's place, and the ticket where the address keeps it.
struct Kept {
    claims: PlaceClaims,
    address: Option<String>,
}

impl Kept {
    /// Where the fan's queue page is.
    fn path(&self, show: &str) -> String {
        self.address
            .as_ref()
            .map_or_else(|| queue_path(show), |ticket| format!("/queue/{show}?place={ticket}"))
    }
}

/// The place in the browser's cookie or else in the address, if it is one of this room's.
fn place_of(app: &App, room: &Room, jar: &CookieJar, address: &Address) -> Option<Kept> {
    let place = PLACE.of(&room.name);
    let by_cookie = place.read(jar, &app.public);
    if let Ok(claims) = app.open_ticket(room, by_cookie) {
        return Some(Kept { claims, address: None });
    }
    let claims = app.open_ticket(room, address.place.as_deref()).ok()?;
    Some(Kept { claims, address: address.place.clone() })
}

async fn queue(
    State(app): State<App>,
    Path(show): Path<String>,
    Query(address): Query<Address>,
    jar: CookieJar,
) -> Result<Response, Error> {
    let (room, show) = room_and_show(&app, &show).await?;
    let now = Utc::now();
    let kept = place_of(&app, &room, &jar, &address);
    let by_cookie = kept.as_ref().is_some_and(|kept| kept.address.is_none());
    if by_cookie && address.place.is_some() {
        return Ok(Redirect::to(&queue_path(&show.show)).into_response());
    }
    let entered = ENTERED.of(&room.name);
    let mut view = view(&room, kept.as_ref().map(|kept| &kept.claims), now);
    if let (
        Some(kept),
        QueueView::WindowMissed(_) | QueueView::Stopped(_) | QueueView::Closed { .. },
    ) = (&kept, &view)
        && entered.read(&jar, &app.public) == Some(&*kept.claims.place.to_string())
    {
        view = QueueView::Entered(entrance(&room));
    }
    let keeps_cookies = keeps_cookies(&app, &jar);
    let keeping = match kept.and_then(|kept| kept.address) {
        Some(ticket) => Keeping::Address { ticket, keeps_cookies },
        None => Keeping::Cookie,
    };
    let asked =
        (!keeps_cookies).then(|| AppendHeaders([COOKIES.set(&app.public, "1", PLACE_SECS)]));
    let page = kit::page::html(&QueuePage { room: room.name.clone(), show, view, keeping, now });
    Ok((asked, [(header::REFERRER_POLICY, "no-referrer")], page).into_response())
}

fn entrance(room: &Room) -> Entrance {
    let (info, document) = (room.info(), room.document());
    let waiting = document.head.waiting;
    Entrance {
        phase: info.phase,
        people_waiting: waiting,
        wait: wait::range(
            waiting,
            document.head.pace_per_sec.filter(|pace| *pace > 0.0),
            info.rate_per_sec,
        ),
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
    // Whoever was let in and could not go in is not to blame.
    if info.stop.is_some() && body.state != PlaceState::Waiting {
        return match info.phase {
            Phase::Closed => QueueView::Closed { message: info.message.clone() },
            _ => QueueView::Stopped(Stopped {
                claim_until: body.claim_until,
                entrance: entrance(room),
            }),
        };
    }
    match (body.state, body.claim_until) {
        (PlaceState::YourTurn, Some(claim_until)) => QueueView::YourTurn(YourTurn { claim_until }),
        (PlaceState::Waiting, _) if info.phase == Phase::Closed => {
            QueueView::Closed { message: info.message.clone() }
        }
        (PlaceState::Waiting, _) => QueueView::Waiting(Waiting {
            lane: place.place.lane,
            offset: place.place.offset,
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
        (PlaceState::WindowMissed | PlaceState::YourTurn, missed_at) => {
            QueueView::WindowMissed(WindowMissed {
                missed_at,
                claim_window_secs: info.claim_window_secs,
                entrance: entrance(room),
            })
        }
    }
}

#[derive(Deserialize)]
struct JoinForm {
    /// Set by whoever missed the window, or used the turn, and wants a new place.
    again: Option<String>,
}

async fn join(
    State(app): State<App>,
    Path(show): Path<String>,
    Query(address): Query<Address>,
    jar: CookieJar,
    joining: Joining,
    request: RequestId,
    form: Result<Form<JoinForm>, FormRejection>,
) -> Result<Response, Error> {
    let (room, show) = room_and_show(&app, &show).await?;
    if let Some(kept) = place_of(&app, &room, &jar, &address) {
        let had_turn = standing(&room, &kept.claims, Utc::now()).state != PlaceState::Waiting;
        let again = form.is_ok_and(|Form(form)| form.again.is_some());
        // Pressing the button twice, or in two tabs, keeps the one place.
        if !(had_turn && again) {
            return Ok(Redirect::to(&kept.path(&show.show)).into_response());
        }
    }
    joining.at(&room, &app.pool).await?;
    let joined = app.joiner.join(&room, &request).await?;
    // Without the cookie that the entrance set, this one may not be kept either.
    let address = (!keeps_cookies(&app, &jar)).then(|| joined.ticket.clone());
    let back = Redirect::to(&Kept { claims: joined.claims, address }.path(&show.show));
    let cookie = PLACE.of(&room.name).set(&app.public, &joined.ticket, PLACE_SECS);
    Ok((AppendHeaders([cookie]), back).into_response())
}

/// `GET` of what only forms do: a reload, or the way back.
async fn again(OriginalUri(address): OriginalUri) -> Redirect {
    let page = address.path().rsplit_once('/').map_or("/", |(page, _)| page);
    // Where the address keeps the place, it still does.
    Redirect::to(
        &address.query().map_or_else(|| page.to_owned(), |query| format!("{page}?{query}")),
    )
}

/// Hands the pass to checkout: the browser repeats this POST there, with the pass in a cookie.
/// Where no cookie comes back that would lead nowhere; the queue page says what to do.
async fn enter(
    State(app): State<App>,
    Path(show): Path<String>,
    Query(address): Query<Address>,
    jar: CookieJar,
) -> Result<Response, Error> {
    let (room, show) = room_and_show(&app, &show).await?;
    let Some(kept) = place_of(&app, &room, &jar, &address) else {
        return Ok(Redirect::to(&queue_path(&show.show)).into_response());
    };
    let back = Redirect::to(&kept.path(&show.show));
    if kept.address.is_some() && !keeps_cookies(&app, &jar) {
        return Ok(back.into_response());
    }
    match claim(&room, &app.pass_keys, &kept.claims, Utc::now()) {
        Ok(claimed) => {
            let pass_secs = (claimed.expires_at - Utc::now()).num_seconds().max(0);
            let pass = PASS.of(&show.show).set(&app.public, &claimed.pass, pass_secs);
            let entered =
                ENTERED.of(&room.name).set(&app.public, &kept.claims.place.to_string(), PLACE_SECS);
            let checkout = Redirect::temporary(&format!("/checkout/{}/enter", show.show));
            Ok((AppendHeaders([pass, entered]), checkout).into_response())
        }
        // The queue page says what is so.
        Err(Error::NotYourTurn { .. } | Error::WindowMissed | Error::SaleStopped(_)) => {
            Ok(back.into_response())
        }
        Err(error) => Err(error),
    }
}
