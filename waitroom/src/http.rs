//! What is served: the API for programs, the queue page for people.

pub mod api;
pub mod joining;
pub mod pages;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// API and pages of the waiting room. The parts differ in how often one client may call them.
pub struct Routers {
    pub joining: OpenApiRouter,
    pub waiting: OpenApiRouter,
}

/// Routes with their state applied.
pub fn router(app: App) -> Routers {
    let joining = api::joining().merge(pages::queue::joining()).with_state(app.clone());
    let waiting = api::waiting().merge(pages::queue::waiting()).with_state(app);
    Routers { joining, waiting }
}
