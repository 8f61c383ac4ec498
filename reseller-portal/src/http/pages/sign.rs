//! Signing up, in and out, and the page of who may not sell (yet).

use askama::Template;
use axum::{
    extract::State,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use kit::throttle::Network;
use serde::Deserialize;

use super::{
    form::{Field, FormPage, Kind},
    frame::Frame,
};
use crate::{
    App,
    account::{self, Refused, SignUp},
    error::Error,
    http::session::{self, Entering, Entry, Nothing, Posted, Signed},
    reseller::ResellerState,
};

fn up_page(entry: &Entry, form: &SignUp) -> FormPage {
    FormPage {
        frame: None,
        csrf: entry.csrf(),
        title: "Sell through Fairgate".to_owned(),
        lead: "Tell us who you are. A person looks at it before you can sell.".to_owned(),
        back: None,
        fault: None,
        action: "/portal/sign-up".to_owned(),
        fields: vec![
            Field::new("company", "Company", &form.company).autocomplete("organization"),
            Field::new("about", "What do you sell?", &form.about)
                .kind(Kind::Area)
                .hint("A few words about your shows and where people find you.")
                .optional(),
            Field::new("name", "Your name", &form.name).autocomplete("name"),
            Field::new("email", "Email", &form.email).kind(Kind::Email).autocomplete("email"),
            Field::new("password", "Password", "")
                .kind(Kind::Password)
                .hint("At least 12 characters. A sentence is easier to keep in mind than signs.")
                .autocomplete("new-password"),
        ],
        button: "Sign up",
        aside: Some(("You have an account?", "/portal/sign-in", "Sign in")),
    }
}

fn with_entry(app: &App, entry: &Entry, page: Response) -> Response {
    (AppendHeaders([entry.cookie(app)]), page).into_response()
}

/// `GET /portal/sign-up`
pub async fn up_form(State(app): State<App>, entry: Entry) -> Response {
    with_entry(&app, &entry, up_page(&entry, &SignUp::default()).answer())
}

/// `POST /portal/sign-up`
pub async fn up(
    State(app): State<App>,
    network: Network,
    Entering(entry, form): Entering<SignUp>,
) -> Result<Response, Error> {
    let form = form.trimmed();
    let objections = form.objections();
    if !objections.is_empty() {
        return Ok(with_entry(&app, &entry, up_page(&entry, &form).refused(&objections)));
    }
    match account::sign_up(&app, &form, &network).await {
        Ok(user) => {
            let cookie = session::sign_in(&app, user).await?;
            Ok((AppendHeaders([cookie]), Redirect::to("/portal/waiting")).into_response())
        }
        Err(Refused::Field(field, detail)) => Ok(with_entry(
            &app,
            &entry,
            up_page(&entry, &form).refused(&[(field, detail.to_owned())]),
        )),
        Err(Refused::Other(error)) => Err(error),
    }
}

/// What the sign-in form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct SignIn {
    email: String,
    password: String,
}

fn in_page(entry: &Entry, email: &str) -> FormPage {
    FormPage {
        frame: None,
        csrf: entry.csrf(),
        title: "Sign in to sell".to_owned(),
        lead: String::new(),
        back: None,
        fault: None,
        action: "/portal/sign-in".to_owned(),
        fields: vec![
            Field::new("email", "Email", email).kind(Kind::Email).autocomplete("username"),
            Field::new("password", "Password", "")
                .kind(Kind::Password)
                .autocomplete("current-password"),
        ],
        button: "Sign in",
        aside: Some(("You are new here?", "/portal/sign-up", "Sign up")),
    }
}

/// `GET /portal/sign-in`
pub async fn in_form(State(app): State<App>, entry: Entry) -> Response {
    with_entry(&app, &entry, in_page(&entry, "").answer())
}

/// `POST /portal/sign-in`
pub async fn sign_in(
    State(app): State<App>,
    network: Network,
    Entering(entry, form): Entering<SignIn>,
) -> Result<Response, Error> {
    match account::sign_in(&app, &form.email, &form.password, &network).await? {
        Some(user) => {
            let cookie = session::sign_in(&app, user).await?;
            Ok((AppendHeaders([cookie]), Redirect::to("/portal")).into_response())
        }
        None => {
            let words = "Email and password do not fit together. After five wrong attempts in a \
                row an account rests for \
                         your network, at first for half a minute: then wait before you try again.";
            let page = in_page(&entry, &form.email).refused(&[("", words.to_owned())]);
            Ok(with_entry(&app, &entry, page))
        }
    }
}

/// `POST /portal/sign-out`
pub async fn out(
    State(app): State<App>,
    Posted(signed, Nothing {}): Posted<Nothing>,
) -> Result<Response, Error> {
    let cookie = session::sign_out(&app, &signed).await?;
    Ok((AppendHeaders([cookie]), Redirect::to("/portal/sign-in")).into_response())
}

#[derive(Template)]
#[template(path = "portal/waiting.html")]
struct WaitingPage {
    frame: Frame,
    title: &'static str,
    words: &'static str,
    tone: &'static str,
    reason: Option<String>,
}

/// `GET /portal/waiting`
pub async fn waiting(signed: Signed) -> Response {
    let (title, words, tone) = match signed.member.state {
        ResellerState::Approved => return Redirect::to("/portal").into_response(),
        ResellerState::Pending => (
            "You are signed up",
            "A person looks at your account before you can sell. Come back to this page: it opens \
                the portal once you are approved.",
            "",
        ),
        ResellerState::Declined => {
            ("Your account was not approved", "You cannot sell through Fairgate.", "notice-bad")
        }
        ResellerState::Suspended => (
            "Your account is suspended",
            "Your pages and API keys are shut, nothing of your shows is sold, and nobody is let in \
                to their lines. Orders \
             that were placed can be paid, and tickets stay valid.",
            "notice-bad",
        ),
    };
    let reason = signed.member.reason.clone().filter(|reason| !reason.is_empty());
    kit::page::html(&WaitingPage { frame: Frame::new(&signed, ""), title, words, tone, reason })
}
