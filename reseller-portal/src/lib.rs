//! Resellers: accounts, their shows and stock, sales, API keys, and the API their own systems use.
//!
//! Reading order: [`contract`] is what others may use. [`reseller`] is a company and whether it may
//! sell, [`account`] who signs up and in for it; [`api_key`] lets their systems in, at this crate's
//! routes and at checkout's. [`allotment`], [`stock`], [`order`] and [`report`] are what both faces
//! in [`http`] show, [`form_values`] reads what people type; [`store`] has the SQL, and [`worker`]
//! what goes on by itself.

mod app;
pub mod config;
pub mod contract;
pub mod error;

mod account;
mod allotment;
mod api_key;
mod form_values;
mod order;
mod report;
mod reseller;
mod stock;

mod http;
mod store;
mod worker;

pub use api_key::with_api_keys;
pub use app::App;
pub use config::Config;
pub use http::pages;
pub use worker::run;

use http::api;
use utoipa_axum::router::OpenApiRouter;

/// The routes, state applied, by how fast one client may call them.
pub struct Routers {
    /// The portal's pages.
    pub portal: OpenApiRouter,
    /// The resellers' API. It takes API keys: put [`with_api_keys`] around it.
    pub api: OpenApiRouter,
    /// Forms that take a password or that anybody may send, where trying many must be slow.
    pub entrance: OpenApiRouter,
}

/// All routes of the portal role.
pub fn router(app: App) -> Routers {
    let (portal, entrance) = pages::routers(app.clone());
    Routers { portal, api: api::router(app), entrance }
}
