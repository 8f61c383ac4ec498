//! Signing up, in and out, and the page of who may not sell (yet).

use askama::Template;
use axum::{
    extract::State,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use identity::Origin;
use serde::Deserialize;

use super::{
    form::{Field, FormPage, Kind},
    frame::Frame,
};
use crate::{
    App,
    account::{
        SignUp,
        sign_up::{SignUpError, sign_up},
    },
    error::Error,
    http::session::{Posted, Session, SignedIn, Visitor, VisitorForm},
    reseller::ResellerState,
};

fn up_page(visitor: &Visitor, form: &SignUp) -> FormPage {
    let fields = vec![
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
    ];
    FormPage::new(visitor.csrf(), "Sell through Fairgate", "/portal/sign-up", fields)
        .lead("Tell us who you are. A person looks at it before you can sell.")
        .button("Sign up")
        .aside("You have an account?", "/portal/sign-in", "Sign in")
}

/// `GET /portal/sign-up`
pub async fn up_form(visitor: Visitor) -> Response {
    visitor.answer(up_page(&visitor, &SignUp::default()).answer())
}

/// `POST /portal/sign-up`
pub async fn up(
    State(app): State<App>,
    from: Origin,
    VisitorForm { visitor, form }: VisitorForm<SignUp>,
) -> Result<Response, Error> {
    let form = form.trimmed();
    let objections = form.objections();
    if !objections.is_empty() {
        return Ok(visitor.answer(up_page(&visitor, &form).refused(&objections)));
    }
    match sign_up(&app, &form, &from).await {
        Ok(user) => {
            let opened = app.identity.sign_in_new(user, &from).await?;
            let cookies = app.identity.session_cookies(&opened);
            Ok((AppendHeaders(cookies), Redirect::to("/portal/waiting")).into_response())
        }
        Err(SignUpError::Field(field, detail)) => {
            Ok(visitor.answer(up_page(&visitor, &form).refused(&[(field, detail.to_owned())])))
        }
        Err(SignUpError::Other(error)) => Err(error),
    }
}

/// What the sign-in form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct SignIn {
    email: String,
    password: String,
}

fn in_page(visitor: &Visitor, email: &str) -> FormPage {
    let fields = vec![
        Field::new("email", "Email", email).kind(Kind::Email).autocomplete("username"),
        Field::new("password", "Password", "")
            .kind(Kind::Password)
            .autocomplete("current-password"),
    ];
    FormPage::new(visitor.csrf(), "Sign in to sell", "/portal/sign-in", fields)
        .button("Sign in")
        .aside("You are new here?", "/portal/sign-up", "Sign up")
}

/// `GET /portal/sign-in`
pub async fn in_form(visitor: Visitor) -> Response {
    visitor.answer(in_page(&visitor, "").answer())
}

/// `POST /portal/sign-in`
pub async fn sign_in(
    State(app): State<App>,
    from: Origin,
    VisitorForm { visitor, form }: VisitorForm<SignIn>,
) -> Result<Response, Error> {
    match app.identity.sign_in(&form.email, &form.password, &from).await {
        Ok(opened) => {
            let cookies = app.identity.session_cookies(&opened);
            Ok((AppendHeaders(cookies), Redirect::to("/portal")).into_response())
        }
        Err(identity::Error::SignInRefused | identity::Error::SignInBlocked { .. }) => {
            let words = "Email and password do not fit together. After five wrong attempts in a \
                row an account rests for \
                         your network, at first for half a minute: then wait before you try again.";
            let page = in_page(&visitor, &form.email).refused(&[("", words.to_owned())]);
            Ok(visitor.answer(page))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /portal/sign-out`
pub async fn out(
    State(app): State<App>,
    Posted { session, .. }: Posted<SignedIn>,
) -> Result<Response, Error> {
    app.identity.sign_out(&session.person, session.token(), &session.origin()).await?;
    let cookie = app.identity.no_session_cookie();
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
pub async fn waiting(session: Session<SignedIn>) -> Response {
    let (title, words, tone) = match session.person.state {
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
    let reason = session.person.reason.clone().filter(|reason| !reason.is_empty());
    kit::page::html(&WaitingPage { frame: Frame::new(&session, ""), title, words, tone, reason })
}
