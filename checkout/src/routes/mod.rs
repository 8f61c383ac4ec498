//! The calls of checkout, one file per noun.

use kit::extract::{Answer, Bearer};
use utoipa_axum::router::OpenApiRouter;

use crate::{App, Error, pages, payment, session::Session};

mod availability;
mod hold;
mod order;
mod session;

/// What fans call, state applied.
pub fn router(app: App) -> OpenApiRouter {
    let calls = OpenApiRouter::new()
        .merge(session::router())
        .merge(hold::router())
        .merge(order::router())
        .merge(availability::router())
        .with_state(app.clone());
    calls.merge(pages::router(app))
}

/// What payment providers call, state applied. They are few and speak for everybody, so no limit
/// per client fits them.
pub fn webhooks(app: App) -> OpenApiRouter {
    payment::router(app)
}

/// The caller's session at any time, for looking at its orders.
fn any_time(app: &App, bearer: &Bearer) -> Answer<Session> {
    let token = bearer.0.as_deref().ok_or(Error::SessionMissing)?;
    Ok(crate::session::of_token_at_any_time(app, token)?)
}
