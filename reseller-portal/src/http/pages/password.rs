//! Changing one's password.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use identity::Origin;
use kit::extract::Query;
use serde::Deserialize;

use super::{
    form::{Field, FormPage, Kind},
    frame::Frame,
};
use crate::{
    App,
    error::Error,
    http::session::{Posted, Session, SignedIn},
};

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PasswordForm {
    current: String,
    password: String,
    again: String,
}

/// What the page is to say first.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct After {
    changed: bool,
}

fn page(session: &Session<SignedIn>) -> FormPage {
    let field = |name, label| Field::new(name, label, "").kind(Kind::Password);
    let fields = vec![
        field("current", "Your password now").autocomplete("current-password"),
        field("password", "New password")
            .hint("At least 12 characters. A sentence is easier to keep in mind than signs.")
            .autocomplete("new-password"),
        field("again", "New password, once more").autocomplete("new-password"),
    ];
    FormPage::of(
        Frame::new(session, "/portal/password"),
        "Change your password",
        "/portal/password",
        fields,
    )
    .lead("You stay signed in here. Everywhere else you are signed out.")
    .back("/portal", "Overview")
    .button("Change it")
}

/// `GET /portal/password`
pub async fn form(session: Session<SignedIn>, Query(after): Query<After>) -> Response {
    let page = page(&session);
    let done = "Your password is changed. Everywhere else you are signed out.";
    if after.changed { page.lead(done).answer() } else { page.answer() }
}

/// `POST /portal/password`
pub async fn change(
    State(app): State<App>,
    from: Origin,
    Posted { session, form }: Posted<SignedIn, PasswordForm>,
) -> Result<Response, Error> {
    let mut faults = Vec::new();
    if let Some(objection) = kit::password::objection(&form.password) {
        faults.push(("password", objection.to_owned()));
    } else if form.password != form.again {
        faults
            .push(("again", "The two are not the same. Enter the new password again.".to_owned()));
    }
    if !faults.is_empty() {
        return Ok(page(&session).refused(&faults));
    }
    let words = (form.current.as_str(), form.password.as_str());
    match app.identity.change_password(&session.person, session.token(), words, &from).await {
        Ok(()) => Ok(Redirect::to("/portal/password?changed=true").into_response()),
        Err(identity::Error::CurrentPasswordWrong | identity::Error::SignInBlocked { .. }) => {
            let words = "That is not your password. After five wrong attempts in a row an account \
                rests for your network, \
                         at first for half a minute: then wait before you try again.";
            Ok(page(&session).refused(&[("current", words.to_owned())]))
        }
        Err(identity::Error::NewPasswordRefused(detail)) => {
            Ok(page(&session).refused(&[("password", detail.to_owned())]))
        }
        Err(identity::Error::SessionNeeded) => Ok(Redirect::to("/portal/sign-in").into_response()),
        Err(error) => Err(error.into()),
    }
}
