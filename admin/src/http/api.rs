//! The console for programs: `/v1/admin/…`. `Authorization: Bearer` carries the token of `POST
//! /v1/admin/sessions`.

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::App;

mod log;
mod people;
mod refunds;
mod resellers;
mod rooms;
mod sessions;
mod shows;
mod support;

/// What needs a session.
pub fn console() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(sessions::end))
        .routes(routes!(sessions::change_password))
        .routes(routes!(rooms::list))
        .routes(routes!(rooms::stream))
        .routes(routes!(rooms::one, rooms::change))
        .routes(routes!(rooms::history))
        .routes(routes!(rooms::sold))
        .routes(routes!(rooms::alarms))
        .routes(routes!(rooms::preview))
        .routes(routes!(rooms::enter_entropy))
        .routes(routes!(shows::list))
        .routes(routes!(shows::mark, shows::unmark))
        .routes(routes!(shows::preview_mark))
        .routes(routes!(shows::preview_unmark))
        .routes(routes!(shows::withdraw))
        .routes(routes!(log::list))
        .routes(routes!(log::security))
        .routes(routes!(resellers::list))
        .routes(routes!(resellers::one, resellers::decide))
        .routes(routes!(support::list))
        .routes(routes!(support::one, support::close))
        .routes(routes!(support::answer))
        .routes(routes!(support::refund))
        .routes(routes!(support::renew_link))
        .routes(routes!(refunds::list))
        .routes(routes!(people::list, people::add))
        .routes(routes!(people::change))
        .routes(routes!(people::reset))
}

/// What makes a session.
pub fn sign_in() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sessions::open))
}
