//! Signing in and out, and one's own password.

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use identity::{
    Fields, Origin, Visitor, VisitorForm,
    form::{Field, Kind, page::FormFrame, shown_again},
};

use super::view::{Faults, Frame, faults_of};
use crate::{
    App,
    error::Error,
    http::session::{Newcomers, Posted, Session},
    staff::{PasswordChange, accounts::StaffAccounts},
    store,
};

const CHANGES_SHOWN: i64 = 5;

/// A page that is a form.
type FormPage = identity::form::page::FormPage<Frame>;

/// The one form of visitors: those who are signed in have their forms on richer pages.
#[derive(Template)]
#[template(path = "admin/sign_in.html")]
struct SignInPage {
    form: FormPage,
}

impl FormFrame for Frame {
    type Error = Error;

    fn page(form: FormPage) -> Response {
        kit::page::html(&SignInPage { form })
    }

    fn fault(error: Error) -> Result<(String, String), Error> {
        match error {
            Error::Field { field, detail } => Ok((field, detail)),
            other => Err(other),
        }
    }
}

fn sign_in_form(visitor: &Visitor<StaffAccounts>, email: &str) -> FormPage {
    let fields = vec![
        Field::new("email", "E-mail address", email).kind(Kind::Email).autocomplete("username"),
        Field::new("password", "Password", "")
            .kind(Kind::Password)
            .autocomplete("current-password"),
    ];
    FormPage::new(visitor.csrf(), "Sign in", "/admin/sign-in", fields)
        .button("Sign in")
        .note("A session lasts 12 hours, or one hour without a click.")
}

/// `GET /admin/sign-in`
pub async fn form(visitor: Visitor<StaffAccounts>) -> Response {
    visitor.answer(sign_in_form(&visitor, "").answer())
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
            let page = sign_in_form(&visitor, form.text("email"))
                .with_faults(&[("", problem.detail.clone())]);
            let mut response = (problem.status, visitor.answer(page.answer())).into_response();
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
    form: FormPage,
    first: bool,
    done: bool,
    /// What was done to the password lately, newest first: nobody uses another's account without
    /// its owner reading of it.
    changes: Vec<PasswordChange>,
}

fn password_form(session: &Session<Newcomers>) -> FormPage {
    let field = |name, label| Field::new(name, label, "").kind(Kind::Password);
    let first = session.person.must_change_password;
    let mut fields = vec![
        field("password", "New password")
            .hint("12 characters or more.")
            .autocomplete("new-password"),
        field("again", "New password again").autocomplete("new-password"),
    ];
    if !first {
        fields.insert(0, field("current", "Password now").autocomplete("current-password"));
    }
    let (title, lead) = if first {
        let lead = "You signed in with a one-time password. It does not open the console again: \
            choose one of your own now, then you can go on.";
        ("Choose your password", lead)
    } else {
        ("Your account", session.person.email.as_str())
    };
    FormPage::new(session.csrf(), title, "/admin/password", fields)
        .lead(lead)
        .button("Change the password")
}

impl PasswordPage {
    async fn new(app: &App, session: &Session<Newcomers>, faults: Faults) -> Result<Self, Error> {
        let email = &session.person.email;
        Ok(Self {
            // Whoever has a one-time password sees nothing of the rooms.
            frame: if session.person.must_change_password {
                Frame::without_alarms(session, "/admin/password")
            } else {
                Frame::new(app, session, "/admin/password")
            },
            form: password_form(session).with_faults(faults.iter()),
            first: session.person.must_change_password,
            done: false,
            changes: store::people::password_changes(&app.pool, email, CHANGES_SHOWN).await?,
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
