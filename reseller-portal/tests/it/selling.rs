//! From a draft to sold tickets, through the pages and the API.

use axum::http::Method;
use catalog::contract::{ShowDraft, change_show, create_show, venues};
use chrono::{DateTime, Utc};
use reseller_portal::contract::ResellerState;
use serde_json::{Value, json};
use testkit::id;

use crate::test_portal::{Browser, Reply, TestPortal, eventually, key_of};

/// Holds two tickets with a pass and orders them; the order's id and its answer.
pub async fn order(
    portal: &TestPortal,
    key: &str,
    show: &str,
    ticket_type: &str,
) -> (String, Reply) {
    let pass = portal.pass(show).await;
    let items = json!({ "pass": pass, "items": [{ "ticket_type": ticket_type, "quantity": 2 }] });
    // Stock arrives through Kafka a moment after publishing.
    let hold = eventually("stock is on sale", async || {
        let answer = portal.call(Method::POST, "/v1/holds", key, Some(items.clone())).await;
        (answer.status == 201).then_some(answer)
    })
    .await;
    let buyer = json!({ "name": "Quillon Buyer", "email": "quillon@example.com" });
    let body = json!({ "hold": hold.body["hold"], "buyer": buyer });
    let answer = portal.call(Method::POST, "/v1/orders", key, Some(body)).await;
    assert!(matches!(answer.status.as_u16(), 201 | 202), "{}", answer.text);
    (answer.body["order"].as_str().unwrap().to_owned(), answer)
}

/// Pays an order at the sandbox provider and waits for its tickets.
async fn pay(portal: &TestPortal, key: &str, order: &str) -> Value {
    let path = format!("/v1/orders/{order}");
    let url = eventually("there is a payment link", async || {
        let answer = portal.get(&path, key).await;
        if answer.status != 200 {
            return None;
        }
        answer.body["payment"]["url"].as_str().map(str::to_owned)
    })
    .await;
    let intent = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    let confirm = format!("/sandbox/v1/intents/{intent}/confirm");
    portal.call(Method::POST, &confirm, "", Some(json!({ "method": "ok" }))).await.ok(200);
    eventually("the order is fulfilled", async || {
        let body = portal.get(&path, key).await.body;
        (body["state"] == "fulfilled").then_some(body)
    })
    .await
}

async fn publish(browser: &Browser, show: &str) {
    let path = format!("/portal/shows/{show}/publish");
    assert!(browser.read(&path).await.contains("What will happen"));
    assert_eq!(
        browser.post(&path, &[]).await.sent_to(),
        format!("/portal/shows/{show}?published=true")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_show_is_made_published_sold_and_reported() {
    let portal = TestPortal::new().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    assert!(browser.read("/portal/shows/new").await.contains("A venue first"));
    let venue = browser.venue("Quay Hall").await;
    let (show, ticket_type) = browser.show(&venue, "=Harbour Lights", "10").await;
    let key = browser.key().await;
    let page = browser.read("/portal/shows").await;
    assert!(page.contains("Draft") && !page.contains("Published"));
    let draft = portal.get(&format!("/v1/reseller/shows/{show}"), &key).await.ok(200).body;
    assert_eq!(
        (&draft["published_at"], &draft["ticket_types"][0]["allotment"]["allotted"]),
        (&Value::Null, &json!(10))
    );

    publish(&browser, &show).await;
    let (id, _) = order(&portal, &key, &show, &ticket_type).await;
    let paid = pay(&portal, &key, &id).await;
    assert_eq!(paid["tickets"].as_array().map(Vec::len), Some(2));

    let path = format!("/v1/reseller/orders/{id}");
    for (key, codes) in [(&key, 2), (&browser.key_without(&["tickets:read"]).await, 0)] {
        let tickets =
            portal.get(&path, key).await.ok(200).body["tickets"].as_array().unwrap().clone();
        assert_eq!(tickets.iter().map(|ticket| &ticket["number"]).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(tickets.iter().filter(|ticket| ticket.get("code").is_some()).count(), codes);
    }

    let orders = portal
        .get(&format!("/v1/reseller/orders?show={show}&state=fulfilled"), &key)
        .await
        .ok(200)
        .body;
    assert_eq!(
        (&orders["orders"][0]["order"], orders["orders"].as_array().map(Vec::len)),
        (&json!(id), Some(1))
    );
    let counts = portal.get(&format!("/v1/reseller/shows/{show}"), &key).await.ok(200).body;
    assert_eq!(counts["ticket_types"][0]["sold"], 2);

    let sales = portal.get("/v1/reseller/sales", &key).await.ok(200).body;
    assert_eq!(
        (&sales["sales"][0]["tickets"], &sales["sales"][0]["amount_minor"]),
        (&json!(2), &json!(9_000))
    );
    let csv = browser.get("/portal/sales.csv").await.ok(200);
    assert!(csv.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert!(
        csv.text.contains(",'=Harbour Lights,") && csv.text.contains(",EUR,2,90.00,0,0.00"),
        "{}",
        csv.text
    );
    assert_eq!(portal.get("/v1/reseller/sales.csv", &key).await.ok(200).text, csv.text);

    for (path, words) in [
        ("/portal".to_owned(), "2 tickets sold"),
        (format!("/portal/shows/{show}"), "Published"),
        (format!("/portal/shows/{show}/edit"), "2031-11-21T20:00"),
        (format!("/portal/shows/{show}/ticket-types/{ticket_type}"), "45.00"),
        (format!("/portal/orders?show={show}"), "Quillon Buyer"),
        (format!("/portal/orders?show={show}"), "<td>=Harbour Lights</td>"),
        (format!("/portal/orders/{id}"), "Tickets issued"),
        (format!("/portal/sales?show={show}&by=hour"), "€90.00"),
    ] {
        let page = browser.read(&path).await;
        assert!(page.contains(words), "{path}: {page}");
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
    }
    assert!(
        browser.read("/portal/sales?from=2026-02-30").await.contains("That report cannot be made")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allotment_is_raised_at_once_and_not_lowered_below_what_is_sold() {
    let portal = TestPortal::new().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let venue = browser.venue("Quay Hall").await;
    let (show, ticket_type) = browser.show(&venue, "Harbour Lights", "2").await;
    let key = browser.key().await;
    publish(&browser, &show).await;
    order(&portal, &key, &show, &ticket_type).await;

    let path = format!("/portal/shows/{show}/ticket-types/{ticket_type}/allotment");
    let change = async |number: &str| {
        // An earlier change may still wait for its answer.
        let answer = eventually("the change is taken", async || {
            let answer = browser.post(&path, &[("allotted", number)]).await;
            (answer.status != 409).then_some(answer)
        })
        .await;
        let page = answer.sent_to().to_owned();
        eventually("the change is answered", async || {
            let text = browser.read(&page).await;
            (!text.contains("under way")).then_some(text)
        })
        .await
    };
    assert!(change("50").await.contains("the allotment is 50"));
    let free = eventually("it is on sale", async || {
        let counts = portal.get(&format!("/v1/reseller/shows/{show}"), &key).await.ok(200).body;
        counts["ticket_types"][0]["free"].as_i64().filter(|free| *free == 48)
    })
    .await;
    assert_eq!(free, 48);
    let refused = change("1").await;
    assert!(
        refused.contains("the change was refused") && refused.contains("still 50"),
        "{refused}"
    );
    for misfit in ["many", "-1", "99999999999"] {
        let page = browser.post(&path, &[("allotted", misfit)]).await.ok(422).text;
        assert!(
            page.contains(&format!("value=\"{misfit}\"")) && page.contains("class=\"error\""),
            "{page}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allotment_is_changed_by_api_and_a_refusal_says_why() {
    let portal = TestPortal::new().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let venue = browser.venue("Quay Hall").await;
    let (show, ticket_type) = browser.show(&venue, "Harbour Lights", "2").await;
    let key = browser.key().await;
    let path = format!("/v1/reseller/shows/{show}/ticket-types/{ticket_type}/allotment");
    let put = async |allotted: Value| {
        portal.call(Method::PUT, &path, &key, Some(json!({ "allotted": allotted }))).await
    };
    let draft = put(json!(4)).await.ok(200).body;
    assert_eq!(
        (&draft["allotted"], &draft["state"], &draft["revision"]),
        (&json!(4), &json!("applied"), &json!(0))
    );

    publish(&browser, &show).await;
    order(&portal, &key, &show, &ticket_type).await;
    let settled = async || {
        eventually("the change is answered", async || {
            let now = portal.get(&path, &key).await.ok(200).body;
            (now["state"] != "waiting").then_some(now)
        })
        .await
    };
    settled().await;
    // 202 where the answer takes longer than the call waits for it.
    let raised = put(json!(50)).await;
    assert!(matches!(raised.status.as_u16(), 200 | 202), "{raised:?}");
    let revision = raised.body["revision"].as_i64().unwrap();
    let now = settled().await;
    assert_eq!((&now["allotted"], &now["revision"]), (&json!(50), &json!(revision)));
    eventually("it is on sale", async || {
        let counts = portal.get(&format!("/v1/reseller/shows/{show}"), &key).await.ok(200).body;
        (counts["ticket_types"][0]["free"] == 48).then_some(())
    })
    .await;

    let lowered = put(json!(1)).await;
    match lowered.status.as_u16() {
        202 => {}
        _ => assert_eq!(lowered.clone().ok(409).problem(), "allotment-refused"),
    }
    let refused = settled().await;
    assert_eq!((&refused["state"], &refused["allotted"]), (&json!("refused"), &json!(50)));
    let reason = refused["refusal"].as_str().expect("a reason");
    assert!(lowered.status != 409 || lowered.body["detail"] == reason, "{lowered:?}");
    let of_show = portal.get(&format!("/v1/reseller/shows/{show}"), &key).await.ok(200).body;
    assert_eq!(of_show["ticket_types"][0]["allotment"], refused);
    let content = put(json!(50)).await.ok(200).body;
    assert_eq!((&content["state"], &content["refusal"]), (&json!("applied"), &Value::Null));

    for misfit in [json!(-1), json!(1_000_001), json!("many"), Value::Null] {
        assert_eq!(put(misfit.clone()).await.ok(422).problem(), "invalid-field", "{misfit}");
    }
    let stranger = path.replace(&ticket_type, "0199c000-0000-7000-8000-000000000000");
    let answer = portal.call(Method::PUT, &stranger, &key, Some(json!({ "allotted": 5 }))).await;
    assert_eq!(answer.ok(404).problem(), "ticket-type-unknown");
    let page = browser
        .post("/portal/keys", &[("name", "Reads"), ("catalog_read", "on")])
        .await
        .ok(200)
        .text;
    let reads = key_of(&page).expect("a key");
    portal.get(&path, &reads).await.ok(200);
    let answer = portal.call(Method::PUT, &path, &reads, Some(json!({ "allotted": 5 }))).await;
    assert_eq!(answer.ok(403).problem(), "scope-missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_waits_until_the_one_before_it_is_answered() {
    let portal = TestPortal::silent().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let venue = browser.venue("Quay Hall").await;
    let (show, ticket_type) = browser.show(&venue, "Harbour Lights", "2").await;
    let key = browser.key().await;
    publish(&browser, &show).await;
    let path = format!("/v1/reseller/shows/{show}/ticket-types/{ticket_type}/allotment");
    let put = async |allotted: i32| {
        portal.call(Method::PUT, &path, &key, Some(json!({ "allotted": allotted }))).await
    };
    let refused = put(7).await.ok(409);
    assert_eq!(
        (refused.problem(), &refused.headers["retry-after"]),
        ("allotment-waiting", &"1".parse().unwrap())
    );
    let again = put(2).await.ok(202);
    let body = again.body;
    assert_eq!(
        (&body["state"], &body["wanted"], &body["revision"]),
        (&json!("waiting"), &json!(2), &json!(1))
    );
    assert_eq!(portal.get(&path, &key).await.ok(200).body, body);

    let reason = "Nothing is free.".to_owned();
    let settled = catalog::contract::Settled::Refused(reason.clone());
    let id = ticket_type.parse().unwrap();
    catalog::contract::settle_allotment(&portal.test_env.pool, id, 1, settled).await.unwrap();
    let told = portal.get(&path, &key).await.ok(200).body;
    assert_eq!((&told["state"], &told["refusal"]), (&json!("refused"), &json!(reason)));
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_are_listed_page_by_page() {
    let portal = TestPortal::new().await;
    let (browser, reseller) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    browser.venue("Quay Hall").await;
    let pool = &portal.test_env.pool;
    let venue = venues(pool, reseller.into()).await.unwrap()[0].venue;
    let draft = |starts_at: DateTime<Utc>, number: i64| ShowDraft {
        title: number.to_string(),
        performer: "Night".to_owned(),
        genre: String::new(),
        description: String::new(),
        venue,
        doors_at: starts_at,
        starts_at,
        on_sale_at: starts_at - chrono::Duration::days(1),
    };
    let new_year: DateTime<Utc> = "2031-01-01T00:00:00Z".parse().unwrap();
    for number in 100..=150 {
        let night = draft(new_year + chrono::Duration::days(number), number);
        let show = create_show(pool, reseller.into(), &night).await.unwrap();
        assert_eq!(show.as_str(), format!("night-{number}"));
    }

    let first = browser.read("/portal/shows").await;
    assert_eq!(first.matches("href=\"/portal/shows/night-").count(), 50);
    let next = first.split("href=\"/portal/shows?after=").nth(1).expect("a link to the next page");
    let next = next.split('"').next().unwrap();
    let second = browser.read(&format!("/portal/shows?after={next}")).await;
    assert_eq!(second.matches("href=\"/portal/shows/night-").count(), 1);
    assert!(
        second.contains("night-150")
            && second.contains(">Coming shows<")
            && !second.contains(">Later<"),
        "{second}"
    );

    let over = draft(Utc::now() - chrono::Duration::days(2), 100);
    change_show(pool, reseller.into(), &id("night-100"), &over).await.unwrap();
    assert!(!browser.read("/portal/shows").await.contains("night-100"), "it is over");
    assert!(browser.read("/portal/shows?past=true").await.contains("night-100"));

    let key = browser.key().await;
    let page = portal.get("/v1/reseller/shows?limit=50", &key).await.ok(200).body;
    assert_eq!(page["shows"].as_array().map(Vec::len), Some(50));
    let next = page["next"].as_str().expect("there is more");
    let page =
        portal.get(&format!("/v1/reseller/shows?limit=50&after={next}"), &key).await.ok(200).body;
    assert_eq!((&page["shows"][0]["show"]["show"], page.get("next")), (&json!("night-150"), None));
    for made_up in ["x", "1.night-1%01", "-1", "1.2.3"] {
        let answer = portal.get(&format!("/v1/reseller/shows?after={made_up}"), &key).await;
        assert_eq!(answer.ok(400).problem(), "cursor-invalid", "{made_up}");
    }
    assert_eq!(browser.get("/portal/shows?after=x").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_show_is_withdrawn_by_its_reseller_on_a_page_or_by_key() {
    let portal = TestPortal::new().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let venue = browser.venue("Quay Hall").await;
    let key = browser.key().await;
    for by_key in [false, true] {
        let (show, ticket_type) = browser.show(&venue, &format!("Lights {by_key}"), "10").await;
        let (page, call) = (
            format!("/portal/shows/{show}/withdraw"),
            format!("/v1/reseller/shows/{show}/withdrawal"),
        );
        assert_eq!(
            browser.get(&page).await.sent_to(),
            format!("/portal/shows/{show}"),
            "a draft is not withdrawn"
        );
        assert_eq!(
            portal.call(Method::PUT, &call, &key, None).await.ok(409).problem(),
            "show-not-published"
        );
        publish(&browser, &show).await;
        let (placed, _) = order(&portal, &key, &show, &ticket_type).await;
        let words = browser.read(&page).await;
        assert!(
            words.contains("Orders stay as they are") && words.contains("It cannot be undone"),
            "{words}"
        );
        let pass = portal.pass(&show).await;
        if by_key {
            for _ in 0..2 {
                portal.call(Method::PUT, &call, &key, None).await.ok(204);
            }
        } else {
            let to = browser.post(&page, &[]).await;
            assert!(browser.read(to.sent_to()).await.contains("The show is withdrawn"));
            browser.post(&page, &[]).await.sent_to();
        }
        let items =
            json!({ "pass": pass, "items": [{ "ticket_type": ticket_type, "quantity": 1 }] });
        eventually("nothing is sold", async || {
            let answer = portal.call(Method::POST, "/v1/holds", &key, Some(items.clone())).await;
            (answer.status == 410 && answer.problem() == "show-withdrawn").then_some(())
        })
        .await;
        assert_eq!(
            pay(&portal, &key, &placed).await["state"],
            "fulfilled",
            "what was ordered is paid"
        );
        let seen = portal.get(&format!("/v1/reseller/shows/{show}"), &key).await.ok(200).body;
        assert!(seen["withdrawn_at"].is_string(), "{seen}");
        let own = browser.read(&format!("/portal/shows/{show}")).await;
        assert!(own.contains("Withdrawn") && !own.contains("/withdraw\""), "{own}");
        let allotment = format!("/v1/reseller/shows/{show}/ticket-types/{ticket_type}/allotment");
        let refused =
            portal.call(Method::PUT, &allotment, &key, Some(json!({ "allotted": 20 }))).await;
        assert_eq!(refused.ok(410).problem(), "show-withdrawn");
        let by = catalog::contract::withdrawal(&portal.test_env.pool, &id(&show))
            .await
            .unwrap()
            .unwrap()
            .by;
        let expected = if by_key { "API key " } else { "reseller quay-tickets@example.com" };
        assert!(by.starts_with(expected), "{by}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_reseller_sells_nothing_whoever_brings_a_pass() {
    let portal = TestPortal::new().await;
    let (browser, reseller) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let venue = browser.venue("Quay Hall").await;
    let (show, _) = browser.show(&venue, "Harbour Lights", "10").await;
    publish(&browser, &show).await;
    let pass = portal.pass(&show).await;
    let open = async || {
        portal.call(Method::POST, "/v1/checkout/sessions", "", Some(json!({ "pass": pass }))).await
    };
    for state in [ResellerState::Suspended, ResellerState::Declined] {
        portal.decide(reseller, state, Some("Three complaints.")).await;
        eventually("no session is opened", async || (open().await.status == 409).then_some(()))
            .await;
        assert_eq!(open().await.problem(), "sale-stopped");
        assert_eq!(browser.get("/portal").await.sent_to(), "/portal/waiting");
        portal.decide(reseller, ResellerState::Approved, None).await;
        let stop = catalog::contract::stop(&portal.test_env.pool, &id(&show)).await.unwrap();
        assert_eq!(stop, None);
    }
    eventually("the pass is still good", async || (open().await.status == 201).then_some(())).await;
}
