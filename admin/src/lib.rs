//! Operators and admins: the console, what they did, support and refunds.
//!
//! Reading order: [`contract`] is what others may use. [`staff`] says who somebody is, what they
//! may do and how they come to it. [`audit`] is the log that every change is written to,
//! [`security`] counts what strangers fail at. [`room`] looks at the rooms, tells everybody who
//! watches, and changes their settings; [`high_traffic`], [`withdrawal`], [`reseller`],
//! [`support`], [`refund`] and [`order_link`] are what else can be done. [`http`] has the two
//! doors to all of it, [`store`] the SQL, and [`worker`] what goes on by itself.

pub mod app;
pub mod config;
pub mod contract;
pub mod error;

mod audit;
mod security;
mod staff;

mod high_traffic;
mod order_link;
mod refund;
mod reseller;
mod room;
mod support;
mod withdrawal;

mod http;
mod store;
mod worker;

pub use app::App;
pub use config::Config;
pub use error::Error;
use http::api;
pub use http::pages;
use utoipa_axum::router::OpenApiRouter;
pub use worker::run;

/// The routes, by how fast one client may call them.
pub struct Routers {
    /// `/admin…` and `/v1/admin…`.
    pub console: OpenApiRouter,
    /// Signing in, where guessing must be slow.
    pub sign_in: OpenApiRouter,
    /// `/support/{order}`, for fans.
    pub support: OpenApiRouter,
}

/// All routes of the admin role.
pub fn router(app: App) -> Routers {
    Routers {
        console: api::console().merge(pages::console()).with_state(app.clone()),
        sign_in: api::sign_in().merge(pages::sign_in()).with_state(app.clone()),
        support: pages::support().with_state(app),
    }
}
