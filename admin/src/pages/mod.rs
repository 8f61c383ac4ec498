//! The console for people, and the support page for fans. Everything works without scripts.

use axum::routing::{get, post};
use utoipa_axum::router::OpenApiRouter;

use crate::App;

mod account;
mod fan;
mod log;
mod order_view;
mod people;
mod resellers;
mod rooms;
mod shows;
mod support;
mod view;

/// What needs a session.
pub fn console() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .route("/admin", get(rooms::all))
        .route("/admin/stream", get(rooms::stream))
        .route("/admin/rooms/{room}", get(rooms::one))
        .route("/admin/rooms/{room}/picture", get(rooms::picture))
        .route("/admin/rooms/{room}/change", get(rooms::preview).post(rooms::change))
        .route("/admin/shows", get(shows::all))
        .route("/admin/shows/{show}", get(shows::one))
        .route("/admin/shows/{show}/mark", post(shows::mark))
        .route("/admin/shows/{show}/unmark", post(shows::unmark))
        .route("/admin/audit", get(log::list))
        .route("/admin/resellers", get(resellers::all))
        .route("/admin/resellers/{reseller}/{state}", get(resellers::preview).post(resellers::decide))
        .route("/admin/support", get(support::all))
        .route("/admin/support/{ticket}", get(support::one))
        .route("/admin/support/{ticket}/answer", post(support::answer))
        .route("/admin/support/{ticket}/close", post(support::close))
        .route("/admin/support/{ticket}/refund", get(support::refund_preview).post(support::refund))
        .route("/admin/people", get(people::all).post(people::add))
        .route("/admin/people/{person}", post(people::change))
        .route("/admin/password", get(account::account).post(account::change))
        .route("/admin/sign-out", post(account::sign_out))
        .merge(OpenApiRouter::from(kit::asset::router(&[&view::SCRIPT])))
}

/// What makes a session.
pub fn sign_in() -> OpenApiRouter<App> {
    OpenApiRouter::new().route("/admin/sign-in", get(account::form).post(account::sign_in))
}

/// For fans.
pub fn support() -> OpenApiRouter<App> {
    OpenApiRouter::new().route("/support/{order}", get(fan::show).post(fan::write))
}
