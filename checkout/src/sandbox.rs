//! The sandbox payment provider: a role of its own with its own books, spoken to over HTTP only.
//!
//! It stands in for a real provider in demos, tests and rehearsals, and misbehaves on request: it
//! declines, asks for 3-D Secure, answers late, and sends webhooks twice, late and out of order. No
//! real money moves.

use kit::serve::Tasks;
use utoipa_axum::router::OpenApiRouter;

pub use crate::sandbox::state::{Config, State};

mod api;
mod error;
pub mod intent;
mod page;
mod sender;
mod state;
mod store;
pub mod wire;

/// What the provider answers, by who asks.
pub struct Routers {
    /// The merchant's servers, with the API key. They are few and ask for everybody, so no limit
    /// per client fits them.
    pub merchant: OpenApiRouter,
    /// Payers: the payment page, and confirming.
    pub payer: OpenApiRouter,
}

/// The provider's API and its payment pages.
pub fn router(sandbox: &State) -> Routers {
    Routers {
        merchant: api::merchant().with_state(sandbox.clone()),
        payer: api::payer().merge(page::router()).with_state(sandbox.clone()),
    }
}

/// Sends webhooks until the process ends.
pub fn run(sandbox: &State, tasks: &Tasks) {
    sender::start(sandbox.clone(), tasks);
}
