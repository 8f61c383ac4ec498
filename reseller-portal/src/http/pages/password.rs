//! Changing one's password.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use kit::{extract::Query, throttle::Network};
use serde::Deserialize;

use super::{
    form::{Field, FormPage, Kind},
    frame::Frame,
};
use crate::{
    App, account,
    error::Error,
    http::session::{Posted, Signed},
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

fn page(signed: &Signed) -> FormPage {
    let field = |name, label| Field::new(name, label, "").kind(Kind::Password);
    let fields = vec![
        field("current", "Your password now").autocomplete("current-password"),
        field("password", "New password")
            .hint("At least 12 characters. A sentence is easier to keep in mind than signs.")
            .autocomplete("new-password"),
        field("again", "New password, once more").autocomplete("new-password"),
    ];
    FormPage::of(
        Frame::new(signed, "/portal/password"),
        "Change your password",
        "/portal/password",
        fields,
    )
    .lead("You stay signed in here. Everywhere else you are signed out.")
    .back("/portal", "Overview")
    .button("Change it")
}

/// `GET /portal/password`
pub async fn form(signed: Signed, Query(after): Query<After>) -> Response {
    let page = page(&signed);
    let done = "Your password is changed. Everywhere else you are signed out.";
    if after.changed { page.lead(done).answer() } else { page.answer() }
}

/// `POST /portal/password`
pub async fn change(
    State(app): State<App>,
    network: Network,
    Posted(signed, form): Posted<PasswordForm>,
) -> Result<Response, Error> {
    let mut faults = Vec::new();
    if let Some(objection) = kit::password::objection(&form.password) {
        faults.push(("password", objection.to_owned()));
    } else if form.password != form.again {
        faults
            .push(("again", "The two are not the same. Enter the new password again.".to_owned()));
    }
    if !faults.is_empty() {
        return Ok(page(&signed).refused(&faults));
    }
    if !account::change_password(
        &app,
        (signed.member.user_id, &signed.session()),
        (&form.current, form.password),
        &network,
    )
    .await?
    {
        let words = "That is not your password. After five wrong attempts in a row an account \
            rests for your network, \
                     at first for half a minute: then wait before you try again.";
        return Ok(page(&signed).refused(&[("current", words.to_owned())]));
    }
    tracing::info!(user = %signed.member.user_id, "password of the portal changed");
    Ok(Redirect::to("/portal/password?changed=true").into_response())
}
