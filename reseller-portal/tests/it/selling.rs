//! From a draft to sold tickets, through the pages and the API.

use axum::http::Method;
use reseller_portal::contract::ResellerState;
use serde_json::{Value, json};

use crate::market::{Answer, Browser, Market, eventually};

/// Holds two tickets with a pass and orders them; the order's id and its answer.
pub async fn order(market: &Market, key: &str, show: &str, ticket_type: &str) -> (String, Answer) {
    let pass = market.pass(show).await;
    let items = json!({ "pass": pass, "items": [{ "ticket_type": ticket_type, "quantity": 2 }] });
    // Stock arrives through Kafka a moment after publishing.
    let hold = eventually("stock is on sale", async || {
        let answer = market.call(Method::POST, "/v1/holds", key, Some(items.clone())).await;
        (answer.status == 201).then_some(answer)
    })
    .await;
    let buyer = json!({ "name": "Quillon Buyer", "email": "quillon@example.com" });
    let body = json!({ "hold": hold.json()["hold"], "buyer": buyer });
    let answer = market.call(Method::POST, "/v1/orders", key, Some(body)).await;
    assert!(matches!(answer.status.as_u16(), 201 | 202), "{}", answer.text);
    (answer.json()["order"].as_str().unwrap().to_owned(), answer)
}

/// Pays an order at the sandbox provider and waits for its tickets.
async fn pay(market: &Market, key: &str, order: &str) -> Value {
    let path = format!("/v1/orders/{order}");
    let url = eventually("there is a payment link", async || {
        let answer = market.get(&path, key).await;
        if answer.status != 200 {
            return None;
        }
        answer.json()["payment"]["url"].as_str().map(str::to_owned)
    })
    .await;
    let intent = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    let confirm = format!("/sandbox/v1/intents/{intent}/confirm");
    market.call(Method::POST, &confirm, "", Some(json!({ "method": "ok" }))).await.ok(200);
    eventually("the order is fulfilled", async || {
        let body = market.get(&path, key).await.json();
        (body["state"] == "fulfilled").then_some(body)
    })
    .await
}

async fn publish(browser: &Browser, show: &str) {
    let path = format!("/portal/shows/{show}/publish");
    assert!(browser.read(&path).await.contains("What will happen"));
    assert_eq!(browser.post(&path, &[]).await.location(), format!("/portal/shows/{show}?published=true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_show_is_made_published_sold_and_reported() {
    let market = Market::new().await;
    let (browser, _) = market.reseller("Quay Tickets", ResellerState::Approved).await;
    assert!(browser.read("/portal/shows/new").await.contains("A venue first"));
    let venue = browser.venue("Quay Hall").await;
    let (show, ticket_type) = browser.show(&venue, "=Harbour Lights", "10").await;
    let key = browser.key().await;
    let page = browser.read("/portal/shows").await;
    assert!(page.contains("Draft") && !page.contains("Published"));
    let draft = market.get(&format!("/v1/reseller/shows/{show}"), &key).await.ok(200).json();
    assert_eq!(
        (&draft["published_at"], &draft["ticket_types"][0]["allotment"]["allotted"]),
        (&Value::Null, &json!(10))
    );

    publish(&browser, &show).await;
    let (id, _) = order(&market, &key, &show, &ticket_type).await;
    let paid = pay(&market, &key, &id).await;
    assert_eq!(paid["tickets"].as_array().map(Vec::len), Some(2));

    let orders = market.get(&format!("/v1/reseller/orders?show={show}&state=fulfilled"), &key).await.ok(200).json();
    assert_eq!((&orders["orders"][0]["order"], orders["orders"].as_array().map(Vec::len)), (&json!(id), Some(1)));
    let counts = market.get(&format!("/v1/reseller/shows/{show}"), &key).await.ok(200).json();
    assert_eq!(counts["ticket_types"][0]["sold"], 2);

    let sales = market.get("/v1/reseller/sales", &key).await.ok(200).json();
    assert_eq!((&sales["sales"][0]["tickets"], &sales["sales"][0]["amount_minor"]), (&json!(2), &json!(9_000)));
    let csv = browser.get("/portal/sales.csv").await.ok(200);
    assert!(csv.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert!(csv.text.contains(",'=Harbour Lights,") && csv.text.contains(",EUR,2,90.00,0,0.00"), "{}", csv.text);
    assert_eq!(market.get("/v1/reseller/sales.csv", &key).await.ok(200).text, csv.text);

    for (path, words) in [
        ("/portal".to_owned(), "2 tickets sold"),
        (format!("/portal/shows/{show}"), "Published"),
        (format!("/portal/shows/{show}/edit"), "2031-11-21T20:00"),
        (format!("/portal/shows/{show}/ticket-types/{ticket_type}"), "45.00"),
        (format!("/portal/orders?show={show}"), "Quillon Buyer"),
        (format!("/portal/orders/{id}"), "Tickets issued"),
        (format!("/portal/sales?show={show}&by=hour"), "€90.00"),
    ] {
        let page = browser.read(&path).await;
        assert!(page.contains(words), "{path}: {page}");
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
    }
    assert!(browser.read("/portal/sales?from=2026-02-30").await.contains("That report cannot be made"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allotment_is_raised_at_once_and_not_lowered_below_what_is_sold() {
    let market = Market::new().await;
    let (browser, _) = market.reseller("Quay Tickets", ResellerState::Approved).await;
    let venue = browser.venue("Quay Hall").await;
    let (show, ticket_type) = browser.show(&venue, "Harbour Lights", "2").await;
    let key = browser.key().await;
    publish(&browser, &show).await;
    order(&market, &key, &show, &ticket_type).await;

    let path = format!("/portal/shows/{show}/ticket-types/{ticket_type}/allotment");
    let change = async |number: &str| {
        // An earlier change may still wait for its answer.
        let answer = eventually("the change is taken", async || {
            let answer = browser.post(&path, &[("allotted", number)]).await;
            (answer.status != 409).then_some(answer)
        })
        .await;
        let page = answer.location().to_owned();
        eventually("the change is answered", async || {
            let text = browser.read(&page).await;
            (!text.contains("under way")).then_some(text)
        })
        .await
    };
    assert!(change("50").await.contains("the allotment is 50"));
    let free = eventually("it is on sale", async || {
        let counts = market.get(&format!("/v1/reseller/shows/{show}"), &key).await.ok(200).json();
        counts["ticket_types"][0]["free"].as_i64().filter(|free| *free == 48)
    })
    .await;
    assert_eq!(free, 48);
    let refused = change("1").await;
    assert!(refused.contains("the change was refused") && refused.contains("still 50"), "{refused}");
    for misfit in ["many", "-1", "99999999999"] {
        let page = browser.post(&path, &[("allotted", misfit)]).await.ok(422).text;
        assert!(page.contains(&format!("value=\"{misfit}\"")) && page.contains("class=\"error\""), "{page}");
    }
}
