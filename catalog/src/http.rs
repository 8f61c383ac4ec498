//! What is served: the API for programs, pages for people.

pub mod api;
pub mod cached;
pub mod pages;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

/// `GET /v1/shows`, `GET /v1/shows/{show}`, and the pages `GET /` and `GET /shows/{show}`.
pub fn router(app: App) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(api::list))
        .routes(routes!(api::details))
        .route("/", axum::routing::get(pages::home::home))
        .route("/shows/{show}", axum::routing::get(pages::show::show))
        .with_state(app)
}
