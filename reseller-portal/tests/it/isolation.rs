//! One reseller never sees or touches another's: every route, from the routers' own lists.
//!
//! All names of the first reseller's contain one word. The second walks every route with the
//! first's ids and must be refused, read nothing with that word, and leave the first's rows as they
//! were. A route that takes something this test does not know how to fill in fails it.

use std::collections::HashMap;

use axum::{
    Router,
    extract::Path,
    http::{Method, StatusCode},
    routing::get,
};
use reseller_portal::{contract::ResellerState, pages::pages};
use serde_json::{Value, json};
use testkit::{eventually, id};

use crate::{
    selling,
    test_portal::{Browser, Reply, SCOPES, TestPortal},
};

/// In every name of the first reseller's, and in no other.
const WORD: &str = "quillon";

/// The first reseller's things by the name that paths have for them.
type Ids = HashMap<&'static str, String>;

/// The path with its ids filled in.
fn filled(path: &str, ids: &Ids) -> String {
    let filled = ids
        .iter()
        .fold(path.to_owned(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id));
    assert!(!filled.contains('{'), "{path}: the test does not know how to fill it in");
    filled
}

/// What is wrong with an answer to the second reseller, if anything.
fn leak(answer: &Reply, names_a_thing: bool) -> Option<String> {
    if answer.text.to_lowercase().contains(WORD) {
        return Some(format!("it shows the other's names: {answer:?}"));
    }
    let refused = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN);
    let unharmed = answer.status.is_success()
        || answer.status.is_redirection()
        || answer.status.is_client_error();
    (if names_a_thing { !refused } else { !unharmed })
        .then(|| format!("it is not refused: {answer:?}"))
}

/// Everything the first reseller has, as text.
async fn rows(portal: &TestPortal, reseller: uuid::Uuid, show: &str) -> String {
    let sql = "SELECT concat_ws(E'\\n',
        (SELECT string_agg(t::text, ',' ORDER BY t::text) FROM catalog.venues t WHERE reseller = \
        $1),
        (SELECT string_agg(t::text, ',' ORDER BY t::text) FROM catalog.shows t WHERE reseller = $1),
        (SELECT string_agg(t::text, ',' ORDER BY t::text) FROM catalog.ticket_types t WHERE show = \
        $2),
        (SELECT string_agg(t::text, ',' ORDER BY t::text) FROM catalog.allotments t JOIN \
        catalog.ticket_types USING (ticket_type) WHERE show = $2),
        (SELECT string_agg(concat(key_id, revoked_at, scopes, name), ',' ORDER BY key_id) FROM \
        reseller.api_keys WHERE reseller = $1),
        (SELECT string_agg(concat(order_id, state, amount_minor, buyer_name), ',' ORDER BY \
        order_id) FROM checkout.orders WHERE show = $2),
        (SELECT string_agg(concat(ticket_type, shard, allotted, committed), ',' ORDER BY \
        ticket_type, shard) FROM checkout.stock WHERE show = $2),
        (SELECT count(*)::text FROM checkout.sessions WHERE show = $2))";
    sqlx::query_scalar(sql)
        .bind(reseller)
        .bind(show)
        .fetch_one(&portal.test_env.pool)
        .await
        .unwrap()
}

struct Two {
    portal: TestPortal,
    ids: Ids,
    first: uuid::Uuid,
    /// The first one's key.
    owner_key: String,
    browser: Browser,
    key: String,
}

/// A first reseller with one of everything, and a second one.
async fn two() -> Two {
    let portal = TestPortal::new().await;
    let (owner, first) = portal.reseller("Quillon Tickets", ResellerState::Approved).await;
    let venue = owner.venue("Quillon Hall").await;
    let (show, ticket_type) = owner.show(&venue, "Quillon Lights", "20").await;
    owner.post(&format!("/portal/shows/{show}/publish"), &[]).await.sent_to();
    let owner_key = owner.key().await;
    let (order, _) = selling::order(&portal, &owner_key, &show, &ticket_type).await;
    let items = json!({
        "pass": portal.pass(&show).await,
        "items": [{ "ticket_type": ticket_type, "quantity": 1 }],
    });
    let hold =
        portal.call(Method::POST, "/v1/holds", &owner_key, Some(items)).await.ok(201).body["hold"]
            .clone();
    let key_id: uuid::Uuid = sqlx::query_scalar("SELECT key_id FROM reseller.api_keys")
        .fetch_one(&portal.test_env.pool)
        .await
        .unwrap();
    // Checkout tells the catalog what is left, a moment later; from then on nothing changes.
    eventually("the catalog knows what is left", async || {
        sqlx::query_scalar::<_, Option<String>>(
            "SELECT stock_level FROM catalog.shows WHERE show = $1",
        )
        .bind(&show)
        .fetch_one(&portal.test_env.pool)
        .await
        .unwrap()
        .filter(|level| level == "few_left")
    })
    .await;
    let ids = HashMap::from([
        ("venue", venue),
        ("show", show),
        ("ticket_type", ticket_type),
        ("order", order),
        ("hold", hold.as_str().unwrap().to_owned()),
        ("key", key_id.to_string()),
    ]);
    let (browser, _) = portal.reseller("Other Tickets", ResellerState::Approved).await;
    browser.venue("Other Hall").await;
    let key = browser.key().await;
    Two { portal, ids, first, owner_key, browser, key }
}

/// Every field that any form of the portal has, with values that would fit.
fn form(ids: &Ids) -> Vec<(&'static str, String)> {
    let fields = [
        ("name", "Changed"),
        ("city", "Kiel"),
        ("country", "DE"),
        ("address", ""),
        ("time_zone", "Europe/Berlin"),
        ("title", "Changed"),
        ("performer", "Somebody"),
        ("genre", ""),
        ("description", "Changed"),
        ("doors_at", "2031-01-01T19:00"),
        ("starts_at", "2031-01-01T20:00"),
        ("on_sale_at", "2025-01-01T20:00"),
        ("price", "1.00"),
        ("currency", "EUR"),
        ("per_order_max", "1"),
        ("allotted", "5"),
        ("catalog_read", "on"),
    ];
    let fields = fields.map(|(name, value)| (name, value.to_owned()));
    fields
        .into_iter()
        .chain([("venue", ids["venue"].clone()), ("show", ids["show"].clone())])
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_shows_or_touches_what_is_anothers() {
    let Two { portal, ids, first, browser, .. } = two().await;
    let before = rows(&portal, first, &ids["show"]).await;
    let form = form(&ids);
    let form: Vec<(&str, &str)> =
        form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut walked = 0;
    for page in pages() {
        // These end or change who is signed in; they name nothing of anybody's.
        if matches!(page.path, "/portal/sign-out" | "/portal/sign-in" | "/portal/sign-up") {
            assert!(!page.path.contains('{'));
            continue;
        }
        let path = filled(page.path, &ids);
        let names = page.path.contains('{');
        let answer = match page.method {
            Method::GET => browser.get(&path).await,
            _ => browser.post(&path, &form).await,
        };
        assert_eq!(leak(&answer, names), None, "{} {}", page.method, page.path);
        if page.method == Method::GET {
            let query = format!(
                "{path}?show={}&changed={}&venue={}",
                ids["show"], ids["ticket_type"], ids["venue"]
            );
            assert_eq!(
                leak(&browser.get(&query).await, names),
                None,
                "{} {} with a query",
                page.method,
                page.path
            );
        }
        walked += 1;
    }
    assert!(walked >= 28, "{walked}");
    assert_eq!(rows(&portal, first, &ids["show"]).await, before);
}

/// What a call that sends something would send to get at the first reseller's.
async fn body(
    portal: &TestPortal,
    method: &str,
    path: &str,
    operation: &Value,
    ids: &Ids,
) -> Option<Value> {
    operation.get("requestBody")?;
    Some(match (method, path) {
        ("post", "/v1/holds") => json!({
            "pass": portal.pass(&ids["show"]).await,
            "items": [{ "ticket_type": ids["ticket_type"], "quantity": 1 }],
        }),
        ("post", "/v1/orders") => {
            json!({ "hold": ids["hold"], "buyer": { "name": "Somebody", "email": "somebody@example.com" } })
        }
        ("put", "/v1/reseller/shows/{show}/ticket-types/{ticket_type}/allotment") => {
            json!({ "allotted": 5 })
        }
        _ => panic!("{method} {path}: the test does not know what to send"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_shows_or_touches_what_is_anothers() {
    let Two { portal, ids, first, owner_key, key, .. } = two().await;
    let before = rows(&portal, first, &ids["show"]).await;
    let mut walked = Vec::new();
    for (path, method, operation) in portal.descriptions.iter().flat_map(operations) {
        let takes_keys = operation["security"]
            .as_array()
            .is_some_and(|all| all.iter().any(|of| of.get("api_key").is_some()));
        if !takes_keys {
            continue;
        }
        let body = body(&portal, method, path, operation, &ids).await;
        let names = path.contains('{') || body.is_some();
        let verb: Method = method.to_uppercase().parse().unwrap();
        let answer = portal.call(verb.clone(), &filled(path, &ids), &key, body.clone()).await;
        assert_eq!(leak(&answer, names), None, "{method} {path}");
        for parameter in operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|of| of["in"] == "query")
        {
            // What names nobody's things, and what does.
            match parameter["name"].as_str().unwrap() {
                "state" | "before" | "after" | "limit" | "from" | "to" | "by" => {}
                "show" => {
                    let query = format!("{}?show={}", filled(path, &ids), ids["show"]);
                    let answer = portal.call(verb.clone(), &query, &key, body.clone()).await;
                    assert_eq!(leak(&answer, true), None, "{method} {path}?show");
                }
                other => panic!("{method} {path}: the test does not know the parameter {other}"),
            }
        }
        walked.push(format!("{method} {path}"));
    }
    for expected in
        ["post /v1/holds", "post /v1/orders", "get /v1/orders/{order}", "delete /v1/orders/{order}"]
    {
        assert!(walked.iter().any(|of| of == expected), "{expected} takes no API keys: {walked:?}");
    }
    assert!(walked.iter().filter(|of| of.contains("/v1/reseller/")).count() >= 8, "{walked:?}");
    assert_eq!(rows(&portal, first, &ids["show"]).await, before);
    // The hold is still there, too: its owner makes it an order.
    let body = json!({ "hold": ids["hold"], "buyer": { "name": "Quillon Buyer", "email": "quillon@example.com" } });
    let answer = portal.call(Method::POST, "/v1/orders", &owner_key, Some(body)).await;
    assert!(answer.status.is_success(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_scope_that_the_call_is_described_with() {
    let Two { portal, ids, browser, .. } = two().await;
    let mut walked = 0;
    for (path, method, operation) in portal.descriptions.iter().flat_map(operations) {
        let of_keys = operation["security"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|of| of.get("api_key"));
        let scopes: Vec<&str> = of_keys
            .clone()
            .flat_map(|all| all.as_array().unwrap())
            .map(|scope| scope.as_str().unwrap())
            .collect();
        if of_keys.count() == 0 {
            continue;
        }
        assert!(!scopes.is_empty(), "{method} {path} tells no scope");
        assert!(
            scopes.iter().all(|scope| SCOPES.contains(&scope.replace(':', "_").as_str())),
            "{path}: {scopes:?}"
        );
        let key = browser.key_without(&scopes).await;
        let body = body(&portal, method, path, operation, &ids).await;
        let verb: Method = method.to_uppercase().parse().unwrap();
        let answer = portal.call(verb, &filled(path, &ids), &key, body).await.ok(403);
        assert_eq!(answer.problem(), "scope-missing", "{method} {path}");
        assert!(
            answer.body["detail"].as_str().unwrap().contains(&format!("`{}`", scopes[0])),
            "{path}: {answer:?}"
        );
        walked += 1;
    }
    assert!(walked >= 12, "{walked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_says_of_a_performer_stands_on_nobody_elses_show() {
    let Two { portal, ids, first, browser, key, .. } = two().await;
    let before = rows(&portal, first, &ids["show"]).await;
    let venue = browser.read("/portal/venues").await;
    let venue = venue
        .split("href=\"/portal/venues/")
        .find_map(|rest| rest.split('"').next()?.parse::<uuid::Uuid>().ok());
    let (show, _) = browser.show(&venue.expect("a venue").to_string(), "Other Lights", "5").await;
    for page in [
        format!("/portal/shows/{show}"),
        format!("/portal/shows/{show}/edit"),
        "/portal/shows".to_owned(),
    ] {
        assert_eq!(leak(&browser.get(&page).await.ok(200), false), None, "{page}");
    }
    let form = browser.read(&format!("/portal/shows/{show}/edit")).await;
    let genre =
        form.lines().find(|line| line.contains("name=\"genre\"")).expect("a field for the genre");
    assert!(genre.contains("value=\"Other Lights\""), "{genre}");
    let own = portal.get(&format!("/v1/reseller/shows/{show}"), &key).await.ok(200);
    assert_eq!((leak(&own, false), &own.body["show"]["genre"]), (None, &json!("Other Lights")));
    let kept = catalog::contract::show(&portal.test_env.pool, &id(&ids["show"]))
        .await
        .unwrap()
        .expect("published");
    assert_eq!((kept.performer.as_str(), kept.genre.as_str()), ("Mira Vale", "Quillon Lights"));
    assert_eq!(rows(&portal, first, &ids["show"]).await, before);
}

fn operations(api: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = api["paths"].as_object().expect("paths").iter();
    paths.flat_map(|(path, item)| {
        let operations = item.as_object().expect("operations").iter();
        operations
            .filter(|(_, operation)| operation.get("responses").is_some())
            .map(move |(method, of)| (path, method, of))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn control_a_route_that_forgets_whose_it_is_is_noticed() {
    let Two { portal, ids, browser, .. } = two().await;
    let pool = portal.test_env.pool.clone();
    let shows = async move |Path(show): Path<String>| {
        let found = catalog::contract::show(&pool, &id(&show)).await.unwrap().expect("a show");
        axum::Json(found)
    };
    let router = Router::new()
        .route("/leaky/{show}", get(shows))
        .route("/quiet/{show}", get(|| async { "done" }));
    let careless = Browser { client: browser.client.browser_at(&router) };
    assert!(leak(&careless.get(&filled("/leaky/{show}", &ids)).await, true).is_some());
    assert!(
        leak(&careless.get(&filled("/quiet/{show}", &ids)).await, true).is_some(),
        "done is not refused"
    );
}

#[test]
#[should_panic(expected = "does not know how to fill it in")]
fn control_a_route_with_an_unknown_id_fails_the_walk() {
    filled("/portal/secrets/{secret}", &HashMap::new());
}
