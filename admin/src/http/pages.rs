//! The console for people, and the support page for fans. Everything works without scripts.
//! [`pages`] is the list of all of them: the routers are made from it, and so are the tests that
//! walk every route.

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodFilter, MethodRouter, on},
};
use utoipa_axum::router::OpenApiRouter;

use crate::App;

mod account;
mod fan;
mod high_traffic;
mod log;
mod order;
mod order_view;
mod people;
mod refunds;
mod resellers;
mod room;
mod rooms;
mod shows;
mod support;
mod view;
mod withdrawal;

/// Whom a page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Whoever signs in.
    SignIn,
    /// Operators or admins: the handler's signature says which.
    Console,
    /// Fans with the link to their order.
    Fan,
}

/// One route.
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
}

/// Every page and every form.
pub fn pages() -> Vec<Page> {
    use Audience::{Console, Fan, SignIn};
    const CHANGE_ROOM: &str = "/admin/rooms/{room}/change";
    const ENTROPY: &str = "/admin/rooms/{room}/entropy";
    const MARK: &str = "/admin/shows/{show}/mark";
    const UNMARK: &str = "/admin/shows/{show}/unmark";
    const WITHDRAW: &str = "/admin/shows/{show}/withdraw";
    const RESELLER: &str = "/admin/resellers/{reseller}/{state}";
    const REFUND: &str = "/admin/support/{ticket}/refund";
    vec![
        Page::get(SignIn, "/admin/sign-in", account::form),
        Page::post(SignIn, "/admin/sign-in", account::sign_in),
        Page::get(Console, "/admin", rooms::all),
        Page::get(Console, "/admin/stream", rooms::stream),
        Page::get(Console, "/admin/alarms", rooms::alarms),
        Page::get(Console, "/admin/rooms/{room}", room::one),
        Page::get(Console, "/admin/rooms/{room}/picture", room::parts::picture),
        Page::get(Console, "/admin/rooms/{room}/sales", room::parts::sales_part),
        Page::get(Console, "/admin/rooms/{room}/revenue", room::parts::revenue),
        Page::get(Console, "/admin/rooms/{room}/draw", room::draw::draw_part),
        Page::get(Console, ENTROPY, room::entropy::preview),
        Page::post(Console, ENTROPY, room::entropy::enter),
        Page::get(Console, CHANGE_ROOM, room::change::preview),
        Page::post(Console, CHANGE_ROOM, room::change::change),
        Page::get(Console, "/admin/shows", shows::all),
        Page::get(Console, "/admin/shows/{show}", high_traffic::one),
        Page::get(Console, MARK, high_traffic::preview),
        Page::post(Console, MARK, high_traffic::mark),
        Page::get(Console, UNMARK, high_traffic::unmark_preview),
        Page::post(Console, UNMARK, high_traffic::unmark),
        Page::get(Console, WITHDRAW, withdrawal::preview),
        Page::post(Console, WITHDRAW, withdrawal::withdraw),
        Page::get(Console, "/admin/audit", log::list),
        Page::get(Console, "/admin/security", log::security),
        Page::get(Console, "/admin/resellers", resellers::all),
        Page::get(Console, RESELLER, resellers::preview),
        Page::post(Console, RESELLER, resellers::decide),
        Page::get(Console, "/admin/support", support::all),
        Page::get(Console, "/admin/support/{ticket}", support::one),
        Page::post(Console, "/admin/support/{ticket}/answer", support::answer),
        Page::post(Console, "/admin/support/{ticket}/close", support::close),
        Page::post(Console, "/admin/support/{ticket}/link", support::renew_link),
        Page::get(Console, REFUND, support::refund_preview),
        Page::post(Console, REFUND, support::refund),
        Page::get(Console, "/admin/refunds", refunds::failing),
        Page::get(Console, "/admin/people", people::all),
        Page::post(Console, "/admin/people", people::add),
        Page::post(Console, "/admin/people/{person}", people::change),
        Page::get(Console, "/admin/password", account::account),
        Page::post(Console, "/admin/password", account::change),
        Page::post(Console, "/admin/sign-out", account::sign_out),
        Page::get(Fan, "/support/{order}", fan::show),
        Page::post(Fan, "/support/{order}", fan::write),
    ]
}

fn routes(door: Audience) -> OpenApiRouter<App> {
    let pages = pages().into_iter().filter(|page| page.door == door);
    pages.fold(OpenApiRouter::new(), |router, page| router.route(page.path, page.route))
}

/// What needs a session.
pub(crate) fn console() -> OpenApiRouter<App> {
    routes(Audience::Console).merge(OpenApiRouter::from(kit::asset::router(&[&view::SCRIPT])))
}

/// What makes a session.
pub(crate) fn sign_in() -> OpenApiRouter<App> {
    routes(Audience::SignIn)
}

/// For fans.
pub(crate) fn support() -> OpenApiRouter<App> {
    routes(Audience::Fan)
}
