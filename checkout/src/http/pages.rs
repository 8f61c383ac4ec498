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
mod order;
mod order_steps;
mod outside;
mod several;
mod view;
mod visitor;

/// Countdowns and waiting.
pub static SCRIPT: Asset = Asset {
    name: "checkout.js",
    mime: "text/javascript; charset=utf-8",
    body: include_str!("../../assets/checkout.js"),
};

/// `/checkout…` and `/orders/{order}`, and the script they share.
pub fn router(app: App) -> OpenApiRouter {
    OpenApiRouter::new()
        .route("/checkout", get(several::page))
        .route("/checkout/{show}", get(choose::page))
        .route("/checkout/{show}/enter", get(enter::again).post(enter::enter))
        .route("/checkout/{show}/hold", get(enter::again).post(choose::hold))
        .route("/checkout/{show}/give-back", get(enter::again).post(choose::give_back))
        .route("/checkout/{show}/order", get(enter::again).post(buyer::order))
        .route("/orders/{order}", get(order::page))
        .route("/orders/{order}/cancel", post(order::cancel))
        .merge(OpenApiRouter::from(kit::asset::router(&[&SCRIPT])))
        .with_state(app)
}
