//! What is served: the API for programs, the queue page for people.

pub mod api;
pub mod joining;
pub mod pages;

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

/// API and pages of the waiting room. The parts differ in how often one client may call them.
pub struct Routers {
    pub joining: OpenApiRouter,
    /// Where the line stands, which everybody in it asks for all the time.
    pub head: OpenApiRouter,
    pub waiting: OpenApiRouter,
    /// Everybody who calls these shows a place of their own.
    pub claiming: OpenApiRouter,
}

/// Routes with their state applied.
pub fn router(app: App) -> Routers {
    let joining = api::joining().merge(pages::queue::joining()).with_state(app.clone());
    let head = api::heads().with_state(app.clone());
    let waiting = api::waiting().merge(pages::queue::waiting()).with_state(app.clone());
    let claiming = api::claiming().merge(pages::queue::claiming()).with_state(app);
    Routers { joining, head, waiting, claiming }
}
