//! What checkout answers: its API and its pages.

use utoipa_axum::router::OpenApiRouter;

use crate::App;

pub mod api;
pub mod pages;

/// What fans call, state applied.
pub fn router(app: App) -> OpenApiRouter {
    let calls = OpenApiRouter::new()
        .merge(api::session::router())
        .merge(api::hold::router())
        .merge(api::order::router())
        .merge(api::availability::router())
        .with_state(app.clone());
    calls.merge(pages::router(app))
}

/// What payment providers call, state applied. They are few and speak for everybody, so no limit
/// per client fits them.
pub fn webhooks(app: App) -> OpenApiRouter {
    api::webhook::router().with_state(app)
}
