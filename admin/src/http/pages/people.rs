//! Who may sign in.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use identity::Origin;
use identity::form::shown_again;
use kit::{
    extract::{Path, Query},
    paging::Page,
};
use serde::Deserialize;

use super::view::{Faults, Frame, faults_of};
use crate::{
    App,
    error::Error,
    http::session::{Admins, Posted, Session},
    staff::{
        Person, Role, StaffId,
        manage::{self, NewPerson},
    },
    store,
};

#[derive(Template)]
#[template(path = "admin/people.html")]
struct PeoplePage {
    frame: Frame,
    people: Vec<Person>,
    next: Option<String>,
    /// The list begins behind this address.
    after: Option<String>,
    /// An address and its one-time password, shown this once.
    one_time: Option<(String, String)>,
    name: String,
    email: String,
    as_admin: bool,
    faults: Faults,
    /// The person whose form the faults are of; those of nobody are of the form that adds somebody.
    changing: Option<StaffId>,
}

impl PeoplePage {
    /// What is wrong with the password typed beside a person.
    fn fault_of(&self, person: &Person) -> Option<&str> {
        self.faults.of("current").filter(|_| self.changing == Some(person.id))
    }

    /// What is wrong with the password typed to add somebody.
    fn fault_of_new(&self) -> Option<&str> {
        self.faults.of("current").filter(|_| self.changing.is_none())
    }
}

async fn page(
    app: &App,
    session: &Session<Admins>,
    after: Option<&str>,
) -> Result<PeoplePage, Error> {
    let Page { items: people, next } = store::people::list(&app.pool, after).await?;
    let frame = Frame::new(app, session, "/admin/people");
    Ok(PeoplePage {
        frame,
        people,
        next,
        after: after.map(str::to_owned),
        one_time: None,
        name: String::new(),
        email: String::new(),
        as_admin: false,
        faults: Faults::default(),
        changing: None,
    })
}

#[derive(Deserialize)]
pub struct ListParams {
    after: Option<String>,
}

/// `GET /admin/people`
pub async fn all(
    State(app): State<App>,
    session: Session<Admins>,
    Query(params): Query<ListParams>,
) -> Result<Response, Error> {
    Ok(kit::page::html(&page(&app, &session, params.after.as_deref()).await?))
}

/// `POST /admin/people`
pub async fn add(
    State(app): State<App>,
    from: Origin,
    Posted { session, form: fields }: Posted<Admins>,
) -> Result<Response, Error> {
    let (name, email) = (fields.text("name").to_owned(), fields.text("email").to_owned());
    let role: Role = fields.text("role").parse().unwrap_or_default();
    let new = NewPerson { email: &email, name: &name, role };
    let faults = match manage::add(&app, &session.person, &new, fields.raw("current"), &from).await
    {
        Ok((_, password)) => {
            let shown = PeoplePage {
                one_time: Some((email, password)),
                ..page(&app, &session, None).await?
            };
            return Ok(kit::page::html(&shown));
        }
        Err(Error::EmailTaken) => Faults::new("email", "Somebody has this address already."),
        Err(error) => faults_of(error)?,
    };
    let as_admin = role == Role::Admin;
    let again = PeoplePage { name, email, as_admin, faults, ..page(&app, &session, None).await? };
    Ok(shown_again(kit::page::html(&again)))
}

/// `POST /admin/people/{person}`: `do` is `disable`, `enable` or `reset`; the latter two ask for
/// the password again.
pub async fn change(
    State(app): State<App>,
    Path(person): Path<StaffId>,
    from: Origin,
    Posted { session, form: fields }: Posted<Admins>,
) -> Result<Response, Error> {
    let current = fields.raw("current");
    let done = match fields.text("do") {
        "reset" => {
            manage::reset_password(&app, &session.person, person, current, &from).await.map(Some)
        }
        action @ ("disable" | "enable") => {
            let disabled = action == "disable";
            manage::set_disabled(&app, &session.person, person, disabled, current, &from)
                .await
                .map(|()| None)
        }
        _ => return Err(Error::field("do", "Choose one of the buttons.")),
    };
    match done {
        Ok(None) => Ok(Redirect::to("/admin/people").into_response()),
        Ok(one_time) => {
            Ok(kit::page::html(&PeoplePage { one_time, ..page(&app, &session, None).await? }))
        }
        Err(error) => {
            let faults = faults_of(error)?;
            // The page that the form was on.
            let after = fields.0.get("after").map(String::as_str);
            let again =
                PeoplePage { faults, changing: Some(person), ..page(&app, &session, after).await? };
            Ok(shown_again(kit::page::html(&again)))
        }
    }
}
