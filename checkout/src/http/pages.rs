//! What a fan sees: coming in, choosing, paying, tickets. Everything works without scripts.

use axum::routing::{get, post};
use kit::asset::Asset;
use utoipa_axum::router::OpenApiRouter;

use crate::App;

mod buyer;
mod buyer_form;
mod choose;
mod choose_form;
mod cookie;
mod countdown;
mod enter;
mod inside;
mod known_orders;
mod leave;
mod order;
mod order_steps;
mod outside;
mod several;
mod view;
mod visitor;

/// Countdowns and waiting.
pub static SCRIPT: Asset = Asset {
    name: "checkout.js",
    mime: kit::asset::JAVASCRIPT,
    body: include_str!("../../assets/checkout.js"),
    imports: &[],
};

/// Where a browser shows what is its own, and is not to be turned away for others: coming in with a
/// pass, staying in with a session.
pub fn entering(app: App) -> OpenApiRouter {
    OpenApiRouter::new()
        .route("/checkout/{show}/here", post(leave::here))
        .route("/checkout/{show}/enter", get(enter::again).post(enter::enter))
        .with_state(app)
}

/// The rest of `/checkout…`, `/orders/{order}`, and the script they share.
pub fn buying(app: App) -> OpenApiRouter {
    OpenApiRouter::new()
        .route("/checkout", get(several::page))
        .route("/checkout/{show}", get(choose::page))
        .route("/checkout/{show}/leave", get(enter::again).post(leave::leave))
        .route("/checkout/{show}/hold", get(enter::again).post(choose::hold))
        .route("/checkout/{show}/give-back", get(enter::again).post(choose::release))
        .route("/checkout/{show}/order", get(enter::again).post(buyer::order))
        .route("/orders/{order}", get(order::page))
        .route("/orders/{order}/cancel", post(order::cancel))
        .merge(OpenApiRouter::from(kit::asset::router(&[&SCRIPT])))
        .with_state(app)
}
