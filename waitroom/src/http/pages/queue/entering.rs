//! Going in: the pass is handed to checkout.

use std::time::Duration;

use axum::{
    Form, Json,
    extract::{State, rejection::FormRejection},
    http::header,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use axum_extra::extract::cookie::CookieJar;
use catalog::contract::Show;
use chrono::{DateTime, Utc};
use kit::{
    cookie::{Cookie, SetCookie},
    extract::{Path, Query},
};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::{
    app::App,
    claim::{self, Claimed, claim},
    error::Error,
    http::{
        joining::Joining,
        pages::queue::{
            holder::Holder,
            joining::page_key,
            kept::{
                Address, Kept, ask_for_cookies, has_entered, keep_entered, keep_place, place_of,
                queue_path,
            },
        },
    },
    line::join::Joined,
    place::{
        PlaceClaims,
        standing::{PlaceState, standing},
    },
    room::live::Room,
};

/// The admission pass of a show, on its way to checkout.
const PASS: Cookie = Cookie::lax("fg_pass");

/// Hands the pass to checkout: the browser repeats this POST there, with the pass in a cookie.
/// Where no cookie comes back that would lead nowhere; the queue page says what to do.
pub async fn enter(State(app): State<App>, holder: Holder) -> Result<Response, Error> {
    let kept = match holder.place() {
        Ok(kept) => kept,
        Err(page) => return Ok(page.into_response()),
    };
    let claimed = claim(&holder.room, &app.pass_keys, &kept.claims, Utc::now());
    go_in(&app, &holder, &kept.claims, claimed)
}

/// Whoever missed the turn not long ago goes in once more, beside the line.
pub async fn resume(State(app): State<App>, holder: Holder) -> Result<Response, Error> {
    let kept = match holder.place() {
        Ok(kept) => kept,
        Err(page) => return Ok(page.into_response()),
    };
    let (keys, claims) = (&app.pass_keys, &kept.claims);
    match claim::resume(&holder.room, keys, &app.gate, claims, Utc::now()).await {
        // Where the answer was lost, asking again gives the same.
        Err(Error::ResumeNotNow | Error::Stale | Error::Redis(_)) => {
            let page = kept.path_with(&holder.show.show, "not_now=1");
            Ok(Redirect::to(&page).into_response())
        }
        claimed => go_in(&app, &holder, claims, claimed),
    }
}

/// To checkout with the pass, or back to the page where that says why not.
fn go_in(
    app: &App,
    holder: &Holder,
    place: &PlaceClaims,
    claimed: Result<Claimed, Error>,
) -> Result<Response, Error> {
    match claimed {
        Ok(claimed) => {
            let cookies = entry(app, &holder.room, place, &claimed);
            Ok((AppendHeaders(cookies), checkout(&holder.show)).into_response())
        }
        Err(error) if says_the_page(&error) => Ok(holder.page().into_response()),
        Err(error) => Err(error),
    }
}

/// Whether the queue page says what is so.
fn says_the_page(error: &Error) -> bool {
    matches!(
        error,
        Error::NotYourTurn { .. }
            | Error::WindowMissed
            | Error::PlaceLeft
            | Error::SaleStopped(_)
            | Error::RoomClosed
            | Error::Stale
            | Error::Starting
            | Error::Redis(_)
    )
}

/// What the browser brings to checkout.
fn entry(app: &App, room: &Room, place: &PlaceClaims, claimed: &Claimed) -> [SetCookie; 2] {
    let pass_secs = (claimed.expires_at - Utc::now()).num_seconds().max(0);
    let pass = PASS.of(&claimed.show).set(&app.public, &claimed.pass, pass_secs);
    [pass, keep_entered(app, room, place)]
}

fn checkout(show: &Show) -> Redirect {
    Redirect::temporary(&format!("/checkout/{}/enter", show.show))
}

#[derive(Default, Deserialize)]
pub struct GoForm {
    /// Set by the queue's entrance, which has asked the browser for a cookie.
    asked: Option<String>,
    /// Made with the page: whoever presses again finds the place that they have.
    key: Option<String>,
}

/// Where nobody waits: from the show to checkout in one press. Whoever meets a line is shown it,
/// and decides there.
pub async fn go(
    State(app): State<App>,
    holder: Holder,
    joining: Joining,
    form: Result<Form<GoForm>, FormRejection>,
) -> Result<Response, Error> {
    let form = form.map_or_else(|_| GoForm::default(), |Form(form)| form);
    if let Some(kept) = &holder.kept {
        let state = standing(&holder.room, &kept.claims, Utc::now()).state;
        let is_over = match state {
            PlaceState::InDraw | PlaceState::Waiting | PlaceState::YourTurn => false,
            // The page asks whether they want to go on in checkout.
            PlaceState::WindowMissed => !has_entered(&app, &holder.room, &holder.jar, kept),
            PlaceState::Left => true,
        };
        if state == PlaceState::YourTurn && kept.address.is_none() {
            return enter(State(app), holder).await;
        }
        if !is_over {
            return Ok(holder.page().into_response());
        }
    }
    if !holder.room.document().head.straight_in {
        return Ok(holder.page().into_response());
    }
    if !holder.keeps_cookies && form.asked.is_none() {
        return Ok(ask_first(&app, &holder));
    }
    joining.at(&holder.room, &app.pool).await?;
    let key = form.key.as_deref().or(holder.address.key.as_deref());
    let key = key.and_then(|key| page_key(&holder.room, key));
    let joined = app.join(&holder.room, key).await?;
    go_on(&app, &holder, joined).await
}

/// Asks a browser for a cookie, and joins only when one comes back: a place that it does not keep
/// would be lost. The address that it asks again at has a key, for a reload to find the same place.
fn ask_first(app: &App, holder: &Holder) -> Response {
    let show = &holder.show.show;
    if holder.address.asked.is_some() {
        // It keeps none. The entrance says how it goes on without.
        return Redirect::to(&queue_path(show)).into_response();
    }
    let again = format!("{}/go?asked=1&key={}", queue_path(show), Uuid::new_v4());
    (AppendHeaders([ask_for_cookies(app)]), Redirect::temporary(&again)).into_response()
}

/// Takes whoever has just joined to checkout, with cookies that keep the place whatever comes.
async fn go_on(app: &App, holder: &Holder, joined: Joined) -> Result<Response, Error> {
    let (room, show) = (&holder.room, &holder.show);
    let [place, asked] = [keep_place(app, room, &joined.ticket), ask_for_cookies(app)];
    if !holder.keeps_cookies {
        // Checkout cannot know this browser; its place stays in the address, and the page says so.
        let kept = Kept { claims: joined.claims, address: Some(joined.ticket) };
        let page = Redirect::to(&kept.path(&show.show));
        return Ok((AppendHeaders([place, asked]), page).into_response());
    }
    Ok(match claim_soon(app, room, &joined.claims).await {
        Ok(Some(claimed)) => {
            let [pass, entered] = entry(app, room, &joined.claims, &claimed);
            (AppendHeaders([place, asked, pass, entered]), checkout(show)).into_response()
        }
        Ok(None) => {
            let page = Redirect::to(&queue_path(&show.show));
            (AppendHeaders([place, asked]), page).into_response()
        }
        Err(error) => (AppendHeaders([place, asked]), error).into_response(),
    })
}

/// How long whoever goes straight in is kept waiting for it; then the queue page goes on with them.
const SOON: Duration = Duration::from_millis(2500);

/// The pass of a place whose turn comes at once; `None` where it does not.
async fn claim_soon(app: &App, room: &Room, place: &PlaceClaims) -> Result<Option<Claimed>, Error> {
    let deadline = Instant::now() + SOON;
    let mut moves = room.follow_moves();
    loop {
        match claim(room, &app.pass_keys, place, Utc::now()) {
            Ok(claimed) => return Ok(Some(claimed)),
            Err(Error::NotYourTurn { .. }) => {
                if timeout_at(deadline, moves.changed()).await.is_err() {
                    return Ok(None);
                }
            }
            Err(error) if says_the_page(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// Whether fans can go in now, as far as this instance knows: of a line that is not told of, nobody
/// knows who is let in.
pub fn lets_in(room: &Room) -> bool {
    room.document().head.door_open && !room.is_stale()
}

/// A turn, as the queue page's script asks for it.
#[derive(Serialize)]
struct Turn {
    state: PlaceState,
    claim_until: Option<DateTime<Utc>>,
    /// Told in time from now, because a browser's clock may be wrong.
    left_ms: i64,
    door_open: bool,
}

/// `GET /queue/{show}/turn`
pub async fn turn(
    State(app): State<App>,
    Path(show): Path<String>,
    Query(address): Query<Address>,
    jar: CookieJar,
) -> Result<Response, Error> {
    let show = show.parse().map_err(|_| Error::ShowUnknown)?;
    let room = app.room_of_show(&show).await?.ok_or(Error::NoLine)?;
    let kept = place_of(&app, &room, &jar, address.place.as_deref()).ok_or(Error::TicketMissing)?;
    let now = Utc::now();
    let body = standing(&room, &kept.claims, now);
    let turn = Turn {
        state: body.state,
        claim_until: body.claim_until,
        left_ms: body.claim_until.map_or(0, |until| (until - now).num_milliseconds().max(0)),
        door_open: lets_in(&room),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(turn)).into_response())
}
