//! A mail near the turn. It is a page of its own: the page of who waits reloads itself, and would
//! lose what is being typed.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::Show;
use chrono::Utc;
use kit::{email_address::EmailAddress, form::Form, language};
use serde::Deserialize;

use crate::{
    app::App,
    error::Error,
    http::pages::queue::{
        holder::Holder,
        kept::{Kept, queue_path},
    },
    place::standing::{PlaceState, standing},
    room::live::Room,
    turn_mail::near::{Nearness, nearness},
};

#[derive(Template)]
#[template(path = "queue/mail.html")]
struct MailPage {
    show: Arc<Show>,
    /// Where the place stays as it is.
    back: String,
    /// What the forms' addresses end in.
    query: String,
    view: MailView,
}

enum MailView {
    /// A mail would come too late.
    Near,
    /// One is to come.
    Asked,
    Form {
        typed: String,
        is_unfit: bool,
    },
}

#[derive(Deserialize)]
pub struct MailForm {
    #[serde(default)]
    email: String,
}

/// Whose page it is.
struct Fan {
    room: Arc<Room>,
    show: Arc<Show>,
    kept: Kept,
}

impl Fan {
    /// The fan who waits; else the page to go to instead.
    fn who_waits(holder: Holder) -> Result<Self, Redirect> {
        let elsewhere = holder.page();
        let Holder { room, show, kept: Some(kept), .. } = holder else { return Err(elsewhere) };
        let waits = standing(&room, &kept.claims, Utc::now()).state == PlaceState::Waiting;
        if waits { Ok(Self { room, show, kept }) } else { Err(elsewhere) }
    }

    fn page(self, view: MailView) -> Response {
        let (back, query) = (self.kept.path(&self.show.show), self.kept.query());
        let page = kit::page::html(&MailPage { show: self.show, back, query, view });
        ([(header::REFERRER_POLICY, "no-referrer")], page).into_response()
    }

    fn to_page(&self) -> Response {
        let page = format!("{}/mail{}", queue_path(&self.show.show), self.kept.query());
        Redirect::to(&page).into_response()
    }
}

/// `GET /queue/{show}/mail`
pub async fn page(State(app): State<App>, holder: Holder) -> Result<Response, Error> {
    let fan = match Fan::who_waits(holder) {
        Ok(fan) => fan,
        Err(elsewhere) => return Ok(elsewhere.into_response()),
    };
    let place = &fan.room.turn(&fan.kept.claims.place);
    let view = if app.turn_mails.is_asked_for(place).await? {
        MailView::Asked
    } else if nearness(&fan.room.document().head, place, Utc::now()) == Nearness::Far {
        MailView::Form { typed: String::new(), is_unfit: false }
    } else {
        MailView::Near
    };
    Ok(fan.page(view))
}

/// `POST /queue/{show}/mail`
pub async fn ask(
    State(app): State<App>,
    holder: Holder,
    headers: HeaderMap,
    Form(form): Form<MailForm>,
) -> Result<Response, Error> {
    let fan = match Fan::who_waits(holder) {
        Ok(fan) => fan,
        Err(elsewhere) => return Ok(elsewhere.into_response()),
    };
    let Ok(typed) = form.email.parse::<EmailAddress>() else {
        let page = fan.page(MailView::Form { typed: form.email, is_unfit: true });
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    };
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = language::tag(language::first_accepted(accepted).as_deref());
    match app.turn_mails.ask(&fan.room, &fan.kept.claims, &typed, language).await {
        // The page says so.
        Ok(()) | Err(Error::TurnIsNear) => Ok(fan.to_page()),
        Err(error) => Err(error),
    }
}

/// `POST /queue/{show}/no-mail`
pub async fn take_back(State(app): State<App>, holder: Holder) -> Result<Response, Error> {
    let fan = match Fan::who_waits(holder) {
        Ok(fan) => fan,
        Err(elsewhere) => return Ok(elsewhere.into_response()),
    };
    app.turn_mails.take_back(&fan.room.turn(&fan.kept.claims.place)).await?;
    Ok(fan.to_page())
}
