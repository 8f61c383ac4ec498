//! What is on sale: shows, venues, performers and ticket types, as JSON for programs and as pages
//! for people.
//!
//! Reading order: what others may use ([`contract`]); how prices and times are told (`money`,
//! `when`); what a `show` is called; what resellers put in (`draft`, and `draft/check` what fits),
//! how many tickets are for sale (`allotment`), what stops a sale (`stop`), what the others are told
//! (`event`, `worker`); the public reads and the pages (`http`); what can go wrong ([`error`],
//! `fault`), the SQL (`store`).

pub mod contract;
pub mod error;

mod allotment;
mod app;
mod draft;
mod event;
mod fault;
mod http;
mod id;
pub mod money;
mod show;
mod stop;
mod store;
pub mod when;
mod worker;

pub use app::App;
use utoipa_axum::{router::OpenApiRouter, routes};
pub use worker::run;

/// `GET /v1/shows`, `GET /v1/shows/{show}`, and the pages `GET /` and `GET /shows/{show}`.
pub fn router(app: App) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(http::api::list))
        .routes(routes!(http::api::details))
        .route("/", axum::routing::get(http::pages::home))
        .route("/shows/{show}", axum::routing::get(http::pages::show))
        .with_state(app)
}
