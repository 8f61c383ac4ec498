//! The catalog against a real database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod allotments;
mod resellers;

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use catalog::{
    App,
    contract::{self, Money, NewShow, NewTicketType, Venue},
};
use chrono::{Duration, Utc};
use http_body_util::BodyExt;
use serde_json::Value;
use testkit::{TestEnv, id};
use tower::ServiceExt;

fn app(test_env: &TestEnv) -> Router {
    let (router, _) = catalog::router(App { pool: test_env.pool.clone() }).split_for_parts();
    kit::http::stack(router)
}

fn a_show(show: &str) -> NewShow {
    let starts_at = Utc::now() + Duration::days(60);
    NewShow {
        show: id(show),
        title: "Harbour Lights".to_owned(),
        performer: "Mira Vale".to_owned(),
        genre: "Pop".to_owned(),
        description: "One night by the water.".to_owned(),
        venue: Venue {
            name: "Hafenhalle".to_owned(),
            city: "Hamburg".to_owned(),
            country: "DE".to_owned(),
            address: "Kai 1".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
        },
        doors_at: starts_at - Duration::hours(1),
        starts_at,
        on_sale_at: Utc::now() - Duration::hours(1),
        high_traffic: true,
        listed: true,
        ticket_types: vec![ticket_type("Standing", 6_900), ticket_type("Balcony", 8_500)],
    }
}

fn ticket_type(name: &str, price_minor: i64) -> NewTicketType {
    NewTicketType {
        name: name.to_owned(),
        description: String::new(),
        price: Money::new(price_minor, id("EUR")),
        per_order_max: 4,
    }
}

async fn get(
    app: &Router,
    address: &str,
    headers: &[(header::HeaderName, &str)],
) -> Response<Body> {
    let mut request = Request::get(address);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

#[tokio::test]
async fn putting_a_show_twice_is_putting_it_once() {
    let test_env = TestEnv::new().await;
    let new = a_show("harbour-lights");
    let first = contract::put_show(&test_env.pool, &new).await.unwrap();
    let again = contract::put_show(
        &test_env.pool,
        &NewShow { title: "Harbour Lights II".to_owned(), ..new },
    )
    .await
    .unwrap();
    let ids = |types: &[contract::TicketType]| {
        types.iter().map(|one| one.ticket_type).collect::<Vec<_>>()
    };
    assert_eq!(ids(&first), ids(&again));
    assert_eq!(first.len(), 2);
    assert_eq!(first[0].name, "Standing");
    let seen = contract::show(&test_env.pool, &id("harbour-lights")).await.unwrap().unwrap();
    assert_eq!(seen.title, "Harbour Lights II");
    assert_eq!(seen.venue.time_zone, "Europe/Berlin");
    assert!(contract::show(&test_env.pool, &id("nothing")).await.unwrap().is_none());
}

#[tokio::test]
async fn the_list_pages_through_what_is_to_come() {
    let test_env = TestEnv::new().await;
    for show in ["c", "a", "b"] {
        contract::put_show(&test_env.pool, &a_show(show)).await.unwrap();
    }
    contract::put_show(&test_env.pool, &NewShow { listed: false, ..a_show("hidden") })
        .await
        .unwrap();
    let past = Utc::now() - Duration::days(1);
    contract::put_show(
        &test_env.pool,
        &NewShow { starts_at: past, doors_at: past, ..a_show("past") },
    )
    .await
    .unwrap();

    let app = app(&test_env);
    let mut address = "/v1/shows?limit=2".to_owned();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let page = json(get(&app, &address, &[]).await).await;
        for show in page["shows"].as_array().unwrap() {
            assert_eq!(show["from_price_minor"], 6_900);
            seen.push(show["show"].as_str().unwrap().to_owned());
        }
        let Some(next) = page["next"].as_str() else { break };
        address = format!("/v1/shows?limit=2&after={next}");
    }
    assert_eq!(seen, ["c", "a", "b"], "soonest first, each once");
    let refused = get(&app, "/v1/shows?after=mine", &[]).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(json(refused).await["type"], "urn:fairgate:problem:cursor-invalid");
    for made_up in [
        "-9223372036854775808.a",
        "9223372036854775807.a",
        "1795000000000000.a%01",
        "1795000000000000.",
    ] {
        let refused = get(&app, &format!("/v1/shows?after={made_up}"), &[]).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{made_up}");
    }
}

#[tokio::test]
async fn an_answer_that_did_not_change_is_not_sent_again() {
    let test_env = TestEnv::new().await;
    let new = a_show("harbour-lights");
    contract::put_show(&test_env.pool, &new).await.unwrap();
    let app = app(&test_env);
    let first = get(&app, "/v1/shows/harbour-lights", &[]).await;
    assert_eq!(
        first.headers()[header::CACHE_CONTROL],
        "public, max-age=1, stale-while-revalidate=1"
    );
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!(json(first).await["ticket_types"].as_array().unwrap().len(), 2);

    let same = get(&app, "/v1/shows/harbour-lights", &[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(text(same).await, "");
    contract::put_show(&test_env.pool, &NewShow { title: "Changed".to_owned(), ..new })
        .await
        .unwrap();
    let changed = get(&app, "/v1/shows/harbour-lights", &[(header::IF_NONE_MATCH, &tag)]).await;
    assert_eq!(changed.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_unknown_show_is_a_problem_and_a_page() {
    let test_env = TestEnv::new().await;
    let app = app(&test_env);
    let problem = get(&app, "/v1/shows/nothing", &[]).await;
    assert_eq!(problem.status(), StatusCode::NOT_FOUND);
    assert_eq!(json(problem).await["type"], "urn:fairgate:problem:show-unknown");
    let page = get(&app, "/shows/nothing", &[(header::ACCEPT, "text/html")]).await;
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert!(text(page).await.contains("<h1>There is no such show</h1>"));
    // What can be no show's id is as unknown as what is none.
    for no_id in ["Harbour%20Lights", "-x", "%E6%9D%B1", &"x".repeat(64)] {
        let problem = get(&app, &format!("/v1/shows/{no_id}"), &[]).await;
        assert_eq!(problem.status(), StatusCode::NOT_FOUND, "{no_id}");
        assert_eq!(json(problem).await["type"], "urn:fairgate:problem:show-unknown", "{no_id}");
        let page = get(&app, &format!("/shows/{no_id}"), &[(header::ACCEPT, "text/html")]).await;
        assert!(text(page).await.contains("<h1>There is no such show</h1>"), "{no_id}");
    }
}

#[tokio::test]
async fn pages_tell_prices_times_and_what_to_do_next() {
    let test_env = TestEnv::new().await;
    contract::put_show(&test_env.pool, &a_show("harbour-lights")).await.unwrap();
    let later = NewShow { on_sale_at: Utc::now() + Duration::days(3), ..a_show("later") };
    contract::put_show(&test_env.pool, &later).await.unwrap();
    let rude = NewShow { title: "</script><b>".to_owned(), ..a_show("rude") };
    contract::put_show(&test_env.pool, &rude).await.unwrap();
    let app = app(&test_env);

    let home = text(get(&app, "/", &[]).await).await;
    for part in [
        "Harbour Lights",
        "Mira Vale",
        "Hafenhalle, Hamburg",
        "€69.00",
        "href=\"/shows/later\"",
        "On sale ",
    ] {
        assert!(home.contains(part), "{part}");
    }
    let show = text(get(&app, "/shows/harbour-lights", &[]).await).await;
    for part in [
        "€85.00",
        "Berlin time",
        "action=\"/queue/harbour-lights/go\"",
        "Get tickets",
        "application/ld+json",
    ] {
        assert!(show.contains(part), "{part}");
    }
    let later = text(get(&app, "/shows/later", &[]).await).await;
    assert!(later.contains("Tickets go on sale ") && !later.contains("Get tickets"));
    for part in ["data-own=\"full\"", "Berlin time</time>", "/assets/time.js"] {
        assert!(later.contains(part), "{part}");
    }
    let rude = text(get(&app, "/shows/rude", &[]).await).await;
    assert!(!rude.contains("</script><b>"));
}

#[tokio::test]
async fn a_sale_that_ended_is_told_and_offers_nothing() {
    let test_env = TestEnv::new().await;
    contract::put_show(&test_env.pool, &a_show("over")).await.unwrap();
    let app = app(&test_env);
    let details = json(get(&app, "/v1/shows/over", &[]).await).await;
    assert!(details["sale_ended_at"].is_null());
    let mut connection = test_env.pool.acquire().await.unwrap();
    contract::end_sale(&mut connection, &id("over")).await.unwrap();
    contract::end_sale(&mut connection, &id("unknown")).await.unwrap();
    let page = text(get(&app, "/shows/over", &[]).await).await;
    assert!(page.contains("The sale has ended.") && !page.contains("/queue/over"), "{page}");
    assert!(page.contains("\"offers\":[]"), "search engines offer nothing either");
    let ended = json(get(&app, "/v1/shows/over", &[]).await).await["sale_ended_at"].clone();
    assert!(ended.is_string());
    // Putting the show again, or ending it again, changes neither.
    contract::put_show(&test_env.pool, &a_show("over")).await.unwrap();
    contract::end_sale(&mut connection, &id("over")).await.unwrap();
    assert_eq!(json(get(&app, "/v1/shows/over", &[]).await).await["sale_ended_at"], ended);
}

#[tokio::test]
async fn a_show_is_on_sale_while_its_line_is_open_and_not_before() {
    let test_env = TestEnv::new().await;
    for (name, hours) in [("early", 1), ("late", -1)] {
        let on_sale_at = Utc::now() + Duration::hours(hours);
        let show = NewShow { on_sale_at, ..a_show(name) };
        contract::put_show(&test_env.pool, &show).await.unwrap();
    }
    let mut connection = test_env.pool.acquire().await.unwrap();
    contract::tell_line(&mut connection, &id("early"), true).await.unwrap();
    contract::tell_line(&mut connection, &id("late"), false).await.unwrap();
    contract::tell_line(&mut connection, &id("unknown"), true).await.unwrap();
    let app = app(&test_env);
    let early = text(get(&app, "/shows/early", &[]).await).await;
    assert!(early.contains("action=\"/queue/early/go\""), "{early}");
    let late = text(get(&app, "/shows/late", &[]).await).await;
    assert!(late.contains("Tickets are not on sale yet."), "{late}");
    assert!(!late.contains("Get tickets") && !late.contains("Tickets go on sale"), "{late}");
    let home = text(get(&app, "/", &[]).await).await;
    assert!(home.contains("Not on sale yet"), "{home}");
}
