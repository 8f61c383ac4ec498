//! Who may do what: every route, from the routers' own lists. A route that names something this
//! test does not know how to fill in fails it, and one that is added is for admins only until it is
//! named here.

use admin::pages::{Audience, pages};
use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::test_console::{ADMIN, PASSWORD, Reply, TestConsole};

/// All that an operator may do. Everything else is for admins.
const OPERATORS: [&str; 28] = [
    "DELETE /v1/admin/sessions/current",
    "PUT /v1/admin/password",
    "GET /v1/admin/rooms",
    "GET /v1/admin/rooms/stream",
    "GET /v1/admin/rooms/{room}",
    "PATCH /v1/admin/rooms/{room}",
    "GET /v1/admin/rooms/{room}/preview",
    "POST /v1/admin/rooms/{room}/entropy",
    "GET /v1/admin/rooms/{room}/history",
    "GET /v1/admin/rooms/{room}/sales",
    "GET /v1/admin/alarms",
    "GET /v1/admin/shows",
    "GET /admin",
    "GET /admin/stream",
    "GET /admin/rooms/{room}",
    "GET /admin/alarms",
    "GET /admin/rooms/{room}/picture",
    "GET /admin/rooms/{room}/sales",
    "GET /admin/rooms/{room}/revenue",
    "GET /admin/rooms/{room}/draw",
    "GET /admin/rooms/{room}/entropy",
    "POST /admin/rooms/{room}/entropy",
    "GET /admin/rooms/{room}/change",
    "POST /admin/rooms/{room}/change",
    "GET /admin/shows",
    "GET /admin/password",
    "POST /admin/password",
    "POST /admin/sign-out",
];
/// All that somebody with a one-time password may do.
const NEWCOMERS: [&str; 5] = [
    "DELETE /v1/admin/sessions/current",
    "PUT /v1/admin/password",
    "GET /admin/password",
    "POST /admin/password",
    "POST /admin/sign-out",
];
/// These end the session that calls them.
const LAST: [&str; 2] = ["DELETE /v1/admin/sessions/current", "POST /admin/sign-out"];

/// One route of the console.
pub struct Route {
    pub method: Method,
    pub path: String,
    pub is_page: bool,
    /// Needs nobody to be signed in.
    pub signs_in: bool,
}

impl Route {
    /// `PATCH /v1/admin/rooms/{room}`
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn changes(&self) -> bool {
        self.method != Method::GET
    }

    /// The path with names that exist, where somebody without the right may guess them.
    fn filled(&self) -> String {
        let id = uuid::Uuid::now_v7().to_string();
        let things = [("room", "s"), ("show", "s"), ("state", "approved")];
        let ids = ["person", "reseller", "ticket", "order"].map(|name| (name, id.as_str()));
        let all = things.into_iter().chain(ids);
        let filled = all.fold(self.path.clone(), |path, (name, text)| {
            path.replace(&format!("{{{name}}}"), text)
        });
        assert!(!filled.contains('{'), "{}: the test does not know how to fill it in", self.name());
        filled
    }

    /// Calls it with nothing in its body but what proves that the form is ours.
    async fn call(&self, console: &TestConsole, token: Option<&str>) -> Reply {
        let path = self.filled();
        let cookie = token.map(|token| format!("fg_admin={token}")).unwrap_or_default();
        match (self.is_page, self.changes()) {
            (true, false) => console.get(&path, &cookie).await,
            (true, true) => {
                let csrf = token.map(kit::secret::csrf).unwrap_or_default();
                console.post(&path, &cookie, &[("csrf", &csrf)]).await
            }
            (false, changes) => {
                console.api(self.method.as_str(), &path, token, changes.then(|| json!({}))).await
            }
        }
    }
}

/// Every route of the console and its API: what is described, and what the pages' own table lists.
pub fn routes(console: &TestConsole) -> Vec<Route> {
    let mut routes = Vec::new();
    for (path, item) in console.api["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let signs_in = operation.get("security").is_none();
            routes.push(Route { method, path: path.clone(), is_page: false, signs_in });
        }
    }
    let ours = pages().into_iter().filter(|page| page.door != Audience::Fan);
    routes.extend(ours.map(|page| Route {
        method: page.method,
        path: page.path.to_owned(),
        is_page: true,
        signs_in: page.door == Audience::SignIn,
    }));
    assert!(routes.len() > 50, "{}", routes.len());
    routes
}

/// The routes that need somebody to be signed in.
fn inside(console: &TestConsole) -> Vec<Route> {
    let mut routes = routes(console);
    let doors: Vec<String> =
        routes.iter().filter(|route| route.signs_in).map(Route::name).collect();
    assert_eq!(doors, ["POST /v1/admin/sessions", "GET /admin/sign-in", "POST /admin/sign-in"]);
    routes.retain(|route| !route.signs_in);
    routes
}

/// How many entries the log has.
async fn entries(console: &TestConsole) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM admin.audit")
        .fetch_one(&console.test_env.pool)
        .await
        .expect("count")
}

/// Each name of a list must be a route: a list that names what is gone protects nothing.
fn assert_all_exist(list: &[&str], routes: &[Route]) {
    for name in list {
        assert!(routes.iter().any(|route| route.name() == *name), "{name} is no route");
    }
}

/// Whether somebody was refused because they are no admin.
fn role_is_missing(answer: &Reply) -> bool {
    answer.status == StatusCode::FORBIDDEN
        && (answer.problem() == "role-missing" || answer.text.contains("Only an admin may do this"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_steers_rooms_and_does_nothing_else() {
    let (console, admin) = TestConsole::with_admin().await;
    console.put_room(&admin, "s").await;
    let operator = console.operator(&admin).await;
    let routes = inside(&console);
    assert_all_exist(&OPERATORS, &routes);
    let logged = entries(&console).await;
    let (of_both, of_admins): (Vec<_>, Vec<_>) =
        routes.iter().partition(|route| OPERATORS.contains(&route.name().as_str()));
    for route in &of_admins {
        let answer = route.call(&console, Some(&operator)).await;
        assert!(role_is_missing(&answer), "{}: {} {}", route.name(), answer.status, answer.text);
    }
    assert_eq!(entries(&console).await, logged, "what is refused is not done");
    for route in &of_admins {
        let answer = route.call(&console, Some(&admin)).await;
        assert!(!role_is_missing(&answer), "{} is not for admins either", route.name());
    }
    for route in of_both {
        let ends = LAST.contains(&route.name().as_str());
        let token = if ends {
            console.sign_in("olga@example.org", PASSWORD).await.body["token"]
                .as_str()
                .expect("token")
                .to_owned()
        } else {
            operator.clone()
        };
        let answer = route.call(&console, Some(&token)).await;
        let refused = matches!(answer.status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED);
        assert!(
            !refused && !answer.status.is_server_error(),
            "{}: {} {}",
            route.name(),
            answer.status,
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_a_session() {
    let (console, admin) = TestConsole::with_admin().await;
    console.put_room(&admin, "s").await;
    let logged = entries(&console).await;
    for route in inside(&console) {
        for token in [None, Some("fga_made-up")] {
            let answer = route.call(&console, token).await;
            if route.is_page {
                assert_eq!(
                    answer.location(),
                    "/admin/sign-in",
                    "{}: {}",
                    route.name(),
                    answer.text
                );
            } else {
                assert_eq!(
                    answer.status,
                    StatusCode::UNAUTHORIZED,
                    "{}: {}",
                    route.name(),
                    answer.text
                );
                assert_eq!(answer.problem(), "admin-session-needed", "{}", route.name());
            }
        }
    }
    assert_eq!(entries(&console).await, logged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_password_opens_nothing_but_the_change_of_it() {
    let (console, admin) = TestConsole::with_admin().await;
    console.put_room(&admin, "s").await;
    let newcomer = console.newcomer(&admin, "nora@example.org", "admin").await;
    let token = console.sign_in("nora@example.org", &newcomer.one_time).await.body["token"]
        .as_str()
        .expect("token")
        .to_owned();
    let routes = inside(&console);
    assert_all_exist(&NEWCOMERS, &routes);
    let logged = entries(&console).await;
    for route in routes.iter().filter(|route| !NEWCOMERS.contains(&route.name().as_str())) {
        let answer = route.call(&console, Some(&token)).await;
        if route.is_page {
            assert_eq!(answer.location(), "/admin/password", "{}: {}", route.name(), answer.text);
        } else {
            assert_eq!(
                answer.problem(),
                "password-change-needed",
                "{}: {}",
                route.name(),
                answer.text
            );
        }
    }
    assert_eq!(entries(&console).await, logged);
    assert_eq!(
        console.get("/admin/password", &format!("fg_admin={token}")).await.status,
        StatusCode::OK
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_refuses_what_is_not_of_its_session() {
    let (console, admin) = TestConsole::with_admin().await;
    console.put_room(&admin, "s").await;
    let other =
        console.sign_in(ADMIN, PASSWORD).await.body["token"].as_str().expect("token").to_owned();
    let (cookie, foreign) = (format!("fg_admin={admin}"), kit::secret::csrf(&other));
    let logged = entries(&console).await;
    for route in routes(&console).iter().filter(|route| route.is_page && route.changes()) {
        for csrf in ["", &foreign] {
            let answer = console.post(&route.filled(), &cookie, &[("csrf", csrf)]).await;
            let refused = answer.status == StatusCode::FORBIDDEN
                && answer.text.contains("not from your session");
            assert!(refused, "{}: {} {}", route.name(), answer.status, answer.text);
        }
    }
    assert_eq!(entries(&console).await, logged);
}

#[tokio::test]
#[should_panic(expected = "does not know how to fill it in")]
async fn control_a_route_with_an_unknown_name_fails_the_walk() {
    let path = "/admin/secrets/{secret}".to_owned();
    Route { method: Method::GET, path, is_page: true, signs_in: false }.filled();
}
