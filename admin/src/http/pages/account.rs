//! Signing in and out, and one's own password.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use identity::form::shown_again;
use identity::{Fields, Origin, Visitor, VisitorForm};

use super::view::{Faults, Frame, faults_of};
use crate::{
    App,
    error::Error,
    http::session::{Newcomers, Posted, Session},
    staff::{PasswordChange, accounts::StaffAccounts},
    store,
};

const CHANGES_SHOWN: i64 = 5;

#[derive(Template)]
#[template(path = "admin/sign_in.html")]
struct SignInPage {
    csrf: String,
    email: String,
    fault: Option<String>,
}

/// `GET /admin/sign-in`
pub async fn form(visitor: Visitor<StaffAccounts>) -> Response {
    let page = SignInPage { csrf: visitor.csrf(), email: String::new(), fault: None };
    visitor.answer(kit::page::html(&page))
}

/// `POST /admin/sign-in`
pub async fn sign_in(
    State(app): State<App>,
    from: Origin,
    VisitorForm { visitor, form }: VisitorForm<StaffAccounts, Fields>,
) -> Result<Response, Error> {
    match app.identity.sign_in(form.text("email"), form.raw("password"), &from).await {
        Ok(opened) => {
            let to = if opened.must_change_password { "/admin/password" } else { "/admin" };
            let cookies = app.identity.session_cookies(&opened);
            Ok((AppendHeaders(cookies), Redirect::to(to)).into_response())
        }
        Err(error @ (identity::Error::SignInRefused | identity::Error::SignInBlocked { .. })) => {
            let problem = Error::from(error).problem();
            let page = SignInPage {
                csrf: visitor.csrf(),
                email: form.text("email").to_owned(),
                fault: Some(problem.detail.clone()),
            };
            let mut response =
                (problem.status, visitor.answer(kit::page::html(&page))).into_response();
            if let Some(secs) = problem.retry_after_secs {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
            }
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /admin/sign-out`
pub async fn sign_out(
    State(app): State<App>,
    from: Origin,
    Posted { session, .. }: Posted<Newcomers>,
) -> Result<Response, Error> {
    app.identity.sign_out(&session.person, session.token(), &from).await?;
    let cookie = app.identity.no_session_cookie();
    Ok((AppendHeaders([cookie]), Redirect::to("/admin/sign-in")).into_response())
}

#[derive(Template)]
#[template(path = "admin/password.html")]
struct PasswordPage {
    frame: Frame,
    email: String,
    first: bool,
    done: bool,
    /// What was done to the password lately, newest first: nobody uses another's account without
    /// its owner reading of it.
    changes: Vec<PasswordChange>,
    faults: Faults,
}

impl PasswordPage {
    async fn new(app: &App, session: &Session<Newcomers>, faults: Faults) -> Result<Self, Error> {
        let (first, email) = (session.person.must_change_password, session.person.email.clone());
        let changes = store::people::password_changes(&app.pool, &email, CHANGES_SHOWN).await?;
        Ok(Self {
            frame: Frame::new(session, "/admin/password"),
            email,
            first,
            done: false,
            changes,
            faults,
        })
    }

    /// Who gave the one-time password that opened this session, where it was not the first one.
    fn reset(&self) -> Option<&PasswordChange> {
        self.changes.first().filter(|last| self.first && last.was_reset)
    }
}

/// `GET /admin/password`
pub async fn account(
    State(app): State<App>,
    session: Session<Newcomers>,
) -> Result<Response, Error> {
    Ok(kit::page::html(&PasswordPage::new(&app, &session, Faults::default()).await?))
}

/// `POST /admin/password`
pub async fn change(
    State(app): State<App>,
    from: Origin,
    Posted { session, form: fields }: Posted<Newcomers>,
) -> Result<Response, Error> {
    let words = (fields.raw("current"), fields.raw("password"));
    let faults = if fields.raw("password") != fields.raw("again") {
        Faults::new("again", "The two are not the same.")
    } else {
        match app.identity.change_password(&session.person, session.token(), words, &from).await {
            Ok(()) if session.person.must_change_password => {
                return Ok(Redirect::to("/admin").into_response());
            }
            Ok(()) => {
                let page = PasswordPage {
                    done: true,
                    ..PasswordPage::new(&app, &session, Faults::default()).await?
                };
                return Ok(kit::page::html(&page));
            }
            Err(error) => faults_of(error.into())?,
        }
    };
    let page = kit::page::html(&PasswordPage::new(&app, &session, faults).await?);
    Ok(shown_again(page))
}
