//! Signing in and out, and one's own password.

use askama::Template;
use axum::{
    extract::{FromRequest, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use kit::{cookie::Cookie, form::Form, http::RequestId};
use std::collections::HashMap;

use super::view::{Faults, Frame};
use crate::{
    App,
    error::Error,
    http::session::{Fields, Newcomers, Posted, SESSION, Signed},
    staff::{
        PasswordChange,
        sign_in::{self, Origin, SESSION_SECS},
    },
    store,
};

/// Binds the sign-in form to the browser that asked for it: nobody is signed in by somebody else's
/// form.
const FORM: Cookie = Cookie::strict("fg_admin_form");
const FORM_SECS: i64 = 3600;
const CHANGES_SHOWN: i64 = 5;

#[derive(Template)]
#[template(path = "admin/sign_in.html")]
struct SignInPage {
    csrf: String,
    email: String,
    fault: Option<String>,
}

/// `GET /admin/sign-in`
pub async fn form(State(app): State<App>, jar: CookieJar) -> Response {
    let known = FORM.read(&jar, &app.config.public).map(str::to_owned);
    let secret = known.unwrap_or_else(|| kit::secret::generate("fgf_"));
    let page = SignInPage { csrf: kit::secret::csrf(&secret), email: String::new(), fault: None };
    let cookie = FORM.set(&app.config.public, &secret, FORM_SECS);
    (AppendHeaders([cookie]), kit::page::html(&page)).into_response()
}

/// `POST /admin/sign-in`
pub async fn sign_in(
    State(app): State<App>,
    jar: CookieJar,
    from: Origin,
    request: Request,
) -> Result<Response, Error> {
    let Form(fields) = Form::<HashMap<String, String>>::from_request(request, &app).await?;
    let fields = Fields(fields);
    let secret = FORM
        .read(&jar, &app.config.public)
        .filter(|secret| kit::secret::csrf_holds(secret, fields.text("csrf")));
    let secret = secret.ok_or(Error::FormForeign)?;
    match sign_in::sign_in(&app, fields.text("email"), fields.raw("password"), &from).await {
        Ok(opened) => {
            let to = if opened.must_change_password { "/admin/password" } else { "/admin" };
            let public = &app.config.public;
            let cookies = [SESSION.set(public, &opened.token, SESSION_SECS), FORM.gone(public)];
            Ok((AppendHeaders(cookies), Redirect::to(to)).into_response())
        }
        Err(error @ (Error::SignInRefused | Error::SignInBlocked { .. })) => {
            let problem = error.problem();
            let page = SignInPage {
                csrf: kit::secret::csrf(secret),
                email: fields.text("email").to_owned(),
                fault: Some(problem.detail.clone()),
            };
            let mut response = (problem.status, kit::page::html(&page)).into_response();
            if let Some(secs) = problem.retry_after_secs {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
            }
            Ok(response)
        }
        Err(error) => Err(error),
    }
}

/// `POST /admin/sign-out`
pub async fn sign_out(
    State(app): State<App>,
    request: RequestId,
    Posted { signed, .. }: Posted<Newcomers>,
) -> Result<Response, Error> {
    sign_in::sign_out(&app, &signed.staff, &signed.token, &request).await?;
    Ok((AppendHeaders([SESSION.gone(&app.config.public)]), Redirect::to("/admin/sign-in"))
        .into_response())
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
    async fn new(app: &App, signed: &Signed<Newcomers>, faults: Faults) -> Result<Self, Error> {
        let (first, email) = (signed.staff.must_change_password, signed.staff.email.clone());
        let changes = store::people::password_changes(&app.pool, &email, CHANGES_SHOWN).await?;
        Ok(Self {
            frame: Frame::new(signed, "account"),
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
pub async fn account(State(app): State<App>, signed: Signed<Newcomers>) -> Result<Response, Error> {
    Ok(kit::page::html(&PasswordPage::new(&app, &signed, Faults::default()).await?))
}

/// `POST /admin/password`
pub async fn change(
    State(app): State<App>,
    from: Origin,
    Posted { signed, fields }: Posted<Newcomers>,
) -> Result<Response, Error> {
    let words = (fields.raw("current"), fields.raw("password"));
    let faults = if fields.raw("password") != fields.raw("again") {
        Faults::new("again", "The two are not the same.")
    } else {
        match sign_in::change_password(&app, &signed.staff, &signed.token, words, &from).await {
            Ok(()) if signed.staff.must_change_password => {
                return Ok(Redirect::to("/admin").into_response());
            }
            Ok(()) => {
                let page = PasswordPage {
                    done: true,
                    ..PasswordPage::new(&app, &signed, Faults::default()).await?
                };
                return Ok(kit::page::html(&page));
            }
            Err(error) => Faults::of_error(error)?,
        }
    };
    let page = kit::page::html(&PasswordPage::new(&app, &signed, faults).await?);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}
