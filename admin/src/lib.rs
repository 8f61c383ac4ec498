//! Operators and admins: the console, what they did, support and refunds.
//!
//! Reading order: [`contract`] is what others may use. [`staff`] and [`session`] say who somebody
//! is and what they may do, [`sign_in`] and [`people`] how they come to it. [`audit`] is the log
//! that every change is written to, [`security`] counts what strangers fail at. [`figures`],
//! [`preview`] and [`marking`] decide without I/O what is told about a room and what a change would
//! do; [`sampler`] looks at the rooms and [`live`] tells everybody who watches. [`rooms`],
//! [`high_traffic`], [`resellers`], [`withdrawal`], [`support`], [`refund`] and [`order_link`] are
//! what can be done; [`api`] and [`pages`] are the two doors to all of it.

pub mod app;
pub mod config;
pub mod contract;
pub mod error;

mod audit;
mod people;
mod security;
mod session;
mod sign_in;
mod staff;
mod store;

mod figures;
mod high_traffic;
mod live;
mod marking;
mod order_link;
mod preview;
mod refund;
mod resellers;
mod rooms;
mod sampler;
mod support;
mod withdrawal;

mod api;
pub mod pages;
mod run;

pub use app::App;
pub use config::Config;
pub use error::Error;
pub use run::run;
use utoipa_axum::router::OpenApiRouter;

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
