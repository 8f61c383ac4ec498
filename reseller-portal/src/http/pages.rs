//! The portal's pages. [`pages`] is the list of all of them: the router is made from it, and so is
//! the test that walks every route as another reseller.

mod allotment;
mod choice;
mod dashboard;
mod form;
mod frame;
mod key;
mod order;
mod password;
mod publish;
mod sales;
mod show;
mod show_form;
mod sign;
mod ticket_type;
mod venue;
mod withdraw;

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use utoipa_axum::router::OpenApiRouter;

pub(crate) use self::sales::download;
use crate::App;

/// Whom a page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    Anyone,
    SignedIn,
    /// Signed in, for a company that may sell.
    Approved,
}

/// One route of the portal.
pub struct Page {
    pub method: Method,
    pub path: &'static str,
    pub door: Audience,
    route: MethodRouter<App>,
}

impl Page {
    fn get<H: Handler<T, App>, T: 'static>(door: Audience, path: &'static str, handler: H) -> Self {
        Self { method: Method::GET, path, door, route: on(MethodFilter::GET, handler) }
    }

    fn post<H: Handler<T, App>, T: 'static>(
        door: Audience,
        path: &'static str,
        handler: H,
    ) -> Self {
        Self { method: Method::POST, path, door, route: on(MethodFilter::POST, handler) }
    }

    /// Whether one client may send it only at the pace of signing in: it takes a password, or
    /// anybody may send it.
    pub fn is_slow(&self) -> bool {
        self.method == Method::POST && (self.door == Audience::Anyone || self.path == PASSWORD)
    }
}

const PASSWORD: &str = "/portal/password";

/// Every page and every form of the portal.
pub fn pages() -> Vec<Page> {
    use Audience::{Anyone, Approved, SignedIn};
    const SHOW: &str = "/portal/shows/{show}";
    const SHOW_EDIT: &str = "/portal/shows/{show}/edit";
    const PUBLISH: &str = "/portal/shows/{show}/publish";
    const WITHDRAW: &str = "/portal/shows/{show}/withdraw";
    const NEW_TYPE: &str = "/portal/shows/{show}/ticket-types/new";
    const TYPE: &str = "/portal/shows/{show}/ticket-types/{ticket_type}";
    const REVOKE: &str = "/portal/keys/{key}/revoke";
    vec![
        Page::get(Anyone, "/portal/sign-up", sign::up_form),
        Page::post(Anyone, "/portal/sign-up", sign::up),
        Page::get(Anyone, "/portal/sign-in", sign::in_form),
        Page::post(Anyone, "/portal/sign-in", sign::sign_in),
        Page::post(SignedIn, "/portal/sign-out", sign::out),
        Page::get(SignedIn, "/portal/waiting", sign::waiting),
        Page::get(SignedIn, PASSWORD, password::form),
        Page::post(SignedIn, PASSWORD, password::change),
        Page::get(Approved, "/portal", dashboard::page),
        Page::get(Approved, "/portal/venues", venue::list),
        Page::get(Approved, "/portal/venues/new", venue::new),
        Page::post(Approved, "/portal/venues/new", venue::create),
        Page::get(Approved, "/portal/venues/{venue}", venue::edit),
        Page::post(Approved, "/portal/venues/{venue}", venue::change),
        Page::get(Approved, "/portal/shows", show::list),
        Page::get(Approved, "/portal/shows/new", show_form::new),
        Page::post(Approved, "/portal/shows/new", show_form::create),
        Page::get(Approved, SHOW, show::one),
        Page::get(Approved, SHOW_EDIT, show_form::edit),
        Page::post(Approved, SHOW_EDIT, show_form::change),
        Page::get(Approved, PUBLISH, publish::preview),
        Page::post(Approved, PUBLISH, publish::publish),
        Page::get(Approved, WITHDRAW, withdraw::preview),
        Page::post(Approved, WITHDRAW, withdraw::withdraw),
        Page::get(Approved, NEW_TYPE, ticket_type::new),
        Page::post(Approved, NEW_TYPE, ticket_type::create),
        Page::get(Approved, TYPE, ticket_type::edit),
        Page::post(Approved, TYPE, ticket_type::change),
        Page::post(
            Approved,
            "/portal/shows/{show}/ticket-types/{ticket_type}/allotment",
            allotment::change,
        ),
        Page::get(Approved, "/portal/orders", order::list),
        Page::get(Approved, "/portal/orders/{order}", order::one),
        Page::get(Approved, "/portal/sales", sales::page),
        Page::get(Approved, "/portal/sales.csv", sales::csv),
        Page::get(Approved, "/portal/keys", key::list),
        Page::post(Approved, "/portal/keys", key::create),
        Page::get(Approved, REVOKE, key::confirm),
        Page::post(Approved, REVOKE, key::revoke),
    ]
}

/// The pages as routes, state applied: those of an ordinary pace, and the slow ones.
pub fn routers(app: App) -> (OpenApiRouter, OpenApiRouter) {
    let (slow, others): (Vec<Page>, Vec<Page>) = pages().into_iter().partition(Page::is_slow);
    let router = |pages: Vec<Page>| {
        let routes = pages
            .into_iter()
            .fold(OpenApiRouter::new(), |router, page| router.route(page.path, page.route));
        routes.with_state(app.clone())
    };
    (router(others), router(slow))
}
