//! Who may sign in.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use kit::{
    extract::{Path, Query},
    http::RequestId,
};
use serde::Deserialize;
use uuid::Uuid;

use super::view::{Faults, Frame};
use crate::{
    App,
    api::{PEOPLE_PAGE, next},
    error::Error,
    people::{self, NewPerson, Person},
    session::{Admins, Posted, Signed},
    staff::Role,
    store,
};

#[derive(Template)]
#[template(path = "admin/people.html")]
struct PeoplePage {
    frame: Frame,
    people: Vec<Person>,
    next: Option<String>,
    /// An address and its one-time password, shown this once.
    one_time: Option<(String, String)>,
    name: String,
    email: String,
    faults: Faults,
}

async fn page(app: &App, signed: &Signed<Admins>, after: Option<&str>) -> Result<PeoplePage, Error> {
    let people = store::people::list(&app.pool, after, PEOPLE_PAGE).await?;
    let frame = Frame::new(signed, "people");
    Ok(PeoplePage {
        frame,
        next: next(&people, PEOPLE_PAGE, |person| person.email.clone()),
        people,
        one_time: None,
        name: String::new(),
        email: String::new(),
        faults: Faults::default(),
    })
}

#[derive(Deserialize)]
pub struct Wanted {
    after: Option<String>,
}

/// `GET /admin/people`
pub async fn all(
    State(app): State<App>,
    signed: Signed<Admins>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Error> {
    Ok(kit::page::html(&page(&app, &signed, wanted.after.as_deref()).await?))
}

/// `POST /admin/people`
pub async fn add(
    State(app): State<App>,
    request: RequestId,
    Posted { signed, fields }: Posted<Admins>,
) -> Result<Response, Error> {
    let (name, email) = (fields.text("name").to_owned(), fields.text("email").to_owned());
    let new = NewPerson { email: &email, name: &name, role: Role::of_text(fields.text("role")) };
    let faults = match people::add(&app, &signed.staff, &new, &request).await {
        Ok((_, password)) => {
            let shown = PeoplePage { one_time: Some((email, password)), ..page(&app, &signed, None).await? };
            return Ok(kit::page::html(&shown));
        }
        Err(Error::EmailTaken) => Faults::new("email", "Somebody has this address already."),
        Err(error) => Faults::of_error(error)?,
    };
    let again = PeoplePage { name, email, faults, ..page(&app, &signed, None).await? };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, kit::page::html(&again)).into_response())
}

/// `POST /admin/people/{person}`: `do` is `disable`, `enable` or `reset`.
pub async fn change(
    State(app): State<App>,
    Path(person): Path<Uuid>,
    request: RequestId,
    Posted { signed, fields }: Posted<Admins>,
) -> Result<Response, Error> {
    match fields.text("do") {
        "reset" => {
            let given = people::reset_password(&app, &signed.staff, person, &request).await?;
            let shown = PeoplePage { one_time: Some(given), ..page(&app, &signed, None).await? };
            Ok(kit::page::html(&shown))
        }
        action @ ("disable" | "enable") => {
            people::set_disabled(&app, &signed.staff, person, action == "disable", &request).await?;
            Ok(Redirect::to("/admin/people").into_response())
        }
        _ => Err(Error::field("do", "Choose one of the buttons.")),
    }
}
