//! What checkout answers: its API and its pages.

use utoipa_axum::router::OpenApiRouter;

use crate::App;

pub mod api;
pub mod pages;

/// What fans call, by how often one may.
pub struct Routers {
    /// Coming in and staying in: everybody who does shows a pass or a session of their own.
    pub entering: OpenApiRouter,
    pub buying: OpenApiRouter,
}

/// All that fans call, state applied.
pub fn router(app: App) -> OpenApiRouter {
    let Routers { entering, buying } = routers(app);
    entering.merge(buying)
}

/// The same by how often one may call it.
pub fn routers(app: App) -> Routers {
    let entering = api::session::entering().with_state(app.clone());
    let buying = OpenApiRouter::new()
        .merge(api::session::leaving())
        .merge(api::hold::router())
        .merge(api::order::router())
        .merge(api::availability::router())
        .with_state(app.clone());
    Routers {
        entering: entering.merge(pages::entering(app.clone())),
        buying: buying.merge(pages::buying(app)),
    }
}

/// What payment providers call, state applied. They are few and speak for everybody, so no limit
/// per client fits them.
pub fn webhooks(app: App) -> OpenApiRouter {
    api::webhook::router().with_state(app)
}
