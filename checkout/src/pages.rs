//! What a fan sees: coming in, choosing, paying, tickets. Everything works without scripts.

use axum::routing::{get, post};
use kit::asset::Asset;
use utoipa_axum::router::OpenApiRouter;

use crate::App;

mod buyer;
mod buyer_form;
mod choose;
mod cookie;
mod countdown;
mod enter;
mod order;
mod order_steps;
mod outside;
mod view;
mod visitor;

/// Countdowns and waiting.
pub static SCRIPT: Asset =
    Asset { name: "checkout.js", mime: "text/javascript; charset=utf-8", body: include_str!("../assets/checkout.js") };

/// `/checkout…` and `/orders/{order}`, and the script they share.
pub fn router(app: App) -> OpenApiRouter {
    OpenApiRouter::new()
        .route("/checkout/enter", get(enter::again).post(enter::enter))
        .route("/checkout", get(choose::page))
        .route("/checkout/hold", get(enter::again).post(choose::hold))
        .route("/checkout/give-back", get(enter::again).post(choose::give_back))
        .route("/checkout/order", get(enter::again).post(buyer::order))
        .route("/orders/{order}", get(order::page))
        .route("/orders/{order}/cancel", post(order::cancel))
        .merge(OpenApiRouter::from(kit::asset::router(&[&SCRIPT])))
        .with_state(app)
}
