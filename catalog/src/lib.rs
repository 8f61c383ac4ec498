//! What is on sale: shows, venues, performers and ticket types, as JSON for programs and as pages
//! for people.
//!
//! Reading order: what others may use ([`contract`]), how prices and times are told ([`price`],
//! [`when`]), the public reads (`shows`, `cached`), the pages (`pages`, `json_ld`); what resellers
//! put in (`reseller`, `show_draft`, `allotment`), what stops a sale (`stop`), what fits (`check`,
//! `slug`, `fault`), what the others are told (`event`, `run`); what can go wrong in public
//! ([`error`]), the SQL (`store`).

mod allotment;
mod cached;
mod check;
pub mod contract;
pub mod error;
mod event;
mod fault;
mod id;
mod json_ld;
mod money;
mod pages;
pub mod price;
mod reseller;
mod run;
mod show_draft;
mod shows;
mod slug;
mod stop;
mod store;
pub mod when;

pub use run::run;
use sqlx::PgPool;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What the routes lean on.
#[derive(Clone)]
pub struct App {
    pub pool: PgPool,
}

/// `GET /v1/shows`, `GET /v1/shows/{show}`, and the pages `GET /` and `GET /shows/{show}`.
pub fn router(app: App) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(shows::list))
        .routes(routes!(shows::details))
        .route("/", axum::routing::get(pages::home))
        .route("/shows/{show}", axum::routing::get(pages::show))
        .with_state(app)
}
