//! Taking a place along to another device, by a link that works once. It is opened with a button:
//! whatever looks links up beforehand does not use it up.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::header,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use catalog::contract::{Show, when::Moment};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    error::Error,
    http::pages::queue::{
        holder::Holder,
        kept::{Kept, ask_for_cookies, keep_place, place_of},
    },
    place::standing::{PlaceState, standing},
    room::live::Room,
};

#[derive(Template)]
#[template(path = "queue/device.html")]
struct DevicePage {
    show: Arc<Show>,
    /// Where the place stays as it is.
    back: String,
    /// What the form's address ends in.
    query: String,
    made: Option<Made>,
}

/// A link as it is shown.
struct Made {
    address: String,
    qr: String,
    good_until: Moment,
}

/// `GET /queue/{show}/device`
pub async fn page(holder: Holder) -> Response {
    let back = holder.page();
    let Holder { show, kept: Some(kept), .. } = holder else { return back.into_response() };
    show_page(show, &kept, None)
}

/// `POST /queue/{show}/device`: makes a link and shows it.
pub async fn make(State(app): State<App>, holder: Holder) -> Result<Response, Error> {
    let back = holder.page();
    let Holder { room, show, kept: Some(kept), .. } = holder else {
        return Ok(back.into_response());
    };
    let made = made(&app, &room, &show, &kept)?;
    Ok(show_page(show, &kept, Some(made)))
}

fn show_page(show: Arc<Show>, kept: &Kept, made: Option<Made>) -> Response {
    let (back, query) = (kept.path(&show.show), kept.query());
    private(kit::page::html(&DevicePage { show, back, query, made }))
}

/// The page, whose address or content holds a place.
fn private(page: Response) -> Response {
    ([(header::REFERRER_POLICY, "no-referrer")], page).into_response()
}

fn made(app: &App, room: &Room, show: &Show, kept: &Kept) -> Result<Made, Error> {
    let (link, address) = app.make_link(room, &kept.claims)?;
    let qr = kit::qr::svg(&address, "QR code of the link")
        .map_err(|error| Error::Internal(anyhow::anyhow!("a link's picture: {error}")))?;
    let good_until = Moment::clock(link.expires_at, &show.venue.time_zone);
    Ok(Made { address, qr, good_until })
}

#[derive(Template)]
#[template(path = "queue/take.html")]
struct TakePage<'a> {
    show: &'a Show,
    link: &'a str,
    /// Made up for whoever takes it: pressing again takes the same place again.
    taker: Uuid,
    /// This browser has a place in the line by itself.
    has_place: bool,
}

/// What a link leads to: the button that uses it.
pub fn take_page(app: &App, holder: &Holder, link: &str) -> Response {
    let Holder { room, show, jar, .. } = holder;
    let has_place = place_of(app, room, jar, None).is_some_and(|kept| {
        let state = standing(room, &kept.claims, Utc::now()).state;
        matches!(state, PlaceState::Waiting | PlaceState::YourTurn)
    });
    let page = kit::page::html(&TakePage { show, link, taker: Uuid::new_v4(), has_place });
    let asked = (!holder.keeps_cookies).then(|| AppendHeaders([ask_for_cookies(app)]));
    (asked, private(page)).into_response()
}

#[derive(Deserialize)]
pub struct TakeForm {
    link: String,
    taker: Option<String>,
}

/// `POST /queue/{show}/here`: takes the place over.
pub async fn take(
    State(app): State<App>,
    Holder { room, show, keeps_cookies, .. }: Holder,
    form: Result<Form<TakeForm>, FormRejection>,
) -> Result<Response, Error> {
    let Ok(Form(TakeForm { link, taker })) = form else { return Err(Error::LinkInvalid) };
    let taker = taker.and_then(|taker| taker.parse().ok());
    let joined = app.open_link(&room, &link, taker).await?;
    let cookie = keep_place(&app, &room, &joined.ticket);
    let address = (!keeps_cookies).then_some(joined.ticket);
    let back = Redirect::to(&Kept { claims: joined.claims, address }.path(&show.show));
    Ok((AppendHeaders([cookie]), back).into_response())
}
