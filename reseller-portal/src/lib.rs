//! Resellers: accounts, their shows and stock, sales, API keys, and the API their own systems use.
//!
//! Reading order: [`contract`] is what others may use. [`entry`] and [`scope`] decide without I/O. [`account`] and
//! [`signed`] are who signs up and in; [`api_key`] lets their systems in, at this crate's routes and at checkout's.
//! [`allotment`], [`stock`], [`orders`] and [`report`] are what both faces show: [`pages`] for people, [`api`] for
//! programs.

pub mod config;
pub mod contract;
pub mod error;

mod account;
mod allotment;
mod api;
mod api_key;
mod app;
mod entry;
mod grants;
mod orders;
pub mod pages;
mod report;
mod scope;
mod signed;
mod stock;
mod store;

pub use api_key::with_api_keys;
pub use app::App;
pub use config::Config;

use std::time::Duration;

use kit::serve::Tasks;
use sqlx::PgPool;
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

const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// What the portal does by itself: it forgets sessions that are over.
pub fn run(pool: PgPool, tasks: &Tasks) {
    tasks.every("forgetting portal sessions", FORGET_EVERY, move || {
        let pool = pool.clone();
        async move { Ok(store::session::forget_over(&pool).await.map(drop)?) }
    });
}

/// All routes of the portal role.
pub fn router(app: App) -> Routers {
    let (portal, entrance) = pages::routers(app.clone());
    Routers { portal, api: api::router(app), entrance }
}
