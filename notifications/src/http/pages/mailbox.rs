//! The mailbox pages, where a newcomer reads what fans would get. They are there only where a local
//! mail server is named.

use std::path::PathBuf;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    App, Error,
    mailbox::{self, Caught, Listed},
};

const LIST_MAX: usize = 50;
/// An email's page frames the email's HTML part, and nothing else.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self' data:; style-src 'self'; frame-src 'self'; form-action \
        'self'; \
     frame-ancestors 'none'; base-uri 'none'",
);
/// An email comes from anywhere: it may style itself and show its own pictures, and open links in
/// windows of their own.
const EMAIL_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
        frame-ancestors 'self'; \
     base-uri 'none'; sandbox allow-popups allow-popups-to-escape-sandbox",
);

/// `/sandbox/mailbox`, `/sandbox/mailbox/{letter}` and `/sandbox/mailbox/{letter}/html`; nothing
/// where `FAIRGATE_MAILBOX` is not set.
pub fn router(app: &App) -> OpenApiRouter {
    let Some(mailbox) = app.config.mailbox.clone() else { return OpenApiRouter::new() };
    OpenApiRouter::new()
        .route("/sandbox/mailbox", get(list))
        .route("/sandbox/mailbox/{letter}", get(email))
        .route("/sandbox/mailbox/{letter}/html", get(html))
        .with_state(mailbox)
}

#[derive(Template)]
#[template(path = "mailbox/list.html")]
struct ListPage {
    emails: Vec<Listed>,
}

#[derive(Template)]
#[template(path = "mailbox/email.html")]
struct EmailPage {
    email: String,
    caught: Caught,
}

async fn list(State(mailbox): State<PathBuf>) -> Result<Response, Error> {
    let emails = read(move || mailbox::newest(&mailbox, LIST_MAX)).await?;
    Ok(kit::page::html(&ListPage { emails }))
}

async fn email(
    State(mailbox): State<PathBuf>,
    Path(email): Path<String>,
) -> Result<Response, Error> {
    let caught = find(mailbox, email.clone()).await?;
    Ok(with_policy(kit::page::html(&EmailPage { email, caught }), PAGE_POLICY))
}

async fn html(
    State(mailbox): State<PathBuf>,
    Path(email): Path<String>,
) -> Result<Response, Error> {
    let html = find(mailbox, email).await?.html.ok_or(Error::EmailUnknown)?;
    let page = ([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response();
    Ok(with_policy(page, EMAIL_POLICY))
}

async fn find(mailbox: PathBuf, email: String) -> Result<Caught, Error> {
    read(move || mailbox::email(&mailbox, &email)).await?.ok_or(Error::EmailUnknown)
}

/// Files are read where waiting for them holds nobody up.
async fn read<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| anyhow::anyhow!("reading the mailbox: {error}"))?;
    Ok(done?)
}

fn with_policy(mut response: Response, policy: HeaderValue) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
