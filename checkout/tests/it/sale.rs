//! How a sale stands is the same wherever it is told.

use admission::contract::SignalBoard;
use catalog::contract::SaleState;
use serde_json::json;
use testkit::Client;
use uuid::Uuid;

use crate::{
    test_checkout::eventually,
    test_server::{TestServer, location},
};

/// What every surface says of the show, as far as it is one of the states: list, show,
/// availability, the catalog's own word, JSON-LD of one type, and what the line is told of stock.
async fn said(server: &TestServer, shop: &Client) -> [String; 6] {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let list = shop.get("/v1/shows").send().await.ok(200);
    let show = shop.get("/v1/shows/harbour-lights").send().await.ok(200);
    let left = server.client.get("/v1/shows/harbour-lights/availability").send().await.ok(200);
    let word = catalog::contract::sale_state(&server.app.pool, &testkit::id("harbour-lights"))
        .await
        .unwrap();
    let page = shop.read("/shows/harbour-lights").await;
    let offer = page.split("\"availability\":\"https://schema.org/").nth(1).unwrap_or_default();
    let board = SignalBoard::new(server.test_env.redis.clone());
    let line = board.read(&"r".parse().unwrap()).await.unwrap().stock;
    [
        text(&list.body["shows"][0]["sale"]),
        text(&show.body["sale"]),
        text(&left.body["sale"]),
        text(&json!(word)),
        offer.split('"').next().unwrap_or_default().to_owned(),
        line.map(|stock| text(&json!(stock.state()))).unwrap_or_default(),
    ]
}

async fn all_say(server: &TestServer, shop: &Client, state: SaleState, schema: &str, line: &str) {
    let state = json!(state);
    let state = state.as_str().unwrap();
    let wanted = [state, state, state, state, schema, line];
    eventually(&format!("everybody says {state}"), || async {
        (said(server, shop).await == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_show_that_sells_out_does_so_everywhere_and_comes_back_everywhere() {
    let server = TestServer::stocked(&[], 30).await;
    server.change_show(|show| show.listed = true).await;
    let (catalog, _) =
        catalog::router(catalog::App { pool: server.app.pool.clone() }).split_for_parts();
    let shop = Client::of(&kit::http::stack(catalog));

    let fan = server.fan().await;
    all_say(&server, &shop, SaleState::OnSale, "InStock", "available").await;
    assert!(shop.read("/shows/harbour-lights").await.contains("Get tickets"));

    // All but a few, then all, in other fans' hands.
    let limit = server.floor.per_order_max.min(server.balcony.per_order_max);
    let mut fans = vec![fan];
    let mut left = [30, 30];
    while left != [0, 0] {
        let take = left.map(|left: i32| left.min(limit));
        let fan = if left == [30, 30] { fans.pop().unwrap() } else { server.fan().await };
        let choice = [(&server.floor, take[0]), (&server.balcony, take[1])];
        fan.hold(&choice.into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>()).await;
        left = [left[0] - take[0], left[1] - take[1]];
        fans.push(fan);
    }
    all_say(&server, &shop, SaleState::AllHeld, "OutOfStock", "all_held").await;
    let page = shop.read("/shows/harbour-lights").await;
    assert!(page.contains("in other fans’ hands; some may come back"), "{page}");
    assert!(!page.contains("Get tickets") && shop.read("/").await.contains("None free right now"));
    let looking = server.fan().await.read("/checkout/harbour-lights").await;
    assert!(looking.contains("in other fans’ hands; some may come back"), "{looking}");

    let mut last = None;
    for fan in &fans {
        let buyer = [("name", "Mira Vale"), ("email", "mira@example.com")];
        let answer = fan.post("/checkout/harbour-lights/order", &buyer).await;
        let id = location(&answer).split(['/', '?']).nth(2).unwrap().parse().unwrap();
        server.state(id, "awaiting_payment").await;
        server.confirm(&server.intent_of(id).await, "ok").await;
        server.state(id, "fulfilled").await;
        last = Some(id);
    }
    all_say(&server, &shop, SaleState::SoldOut, "SoldOut", "sold_out").await;
    let page = shop.read("/shows/harbour-lights").await;
    assert!(page.contains("This show is sold out.") && !page.contains("Get tickets"), "{page}");
    assert!(shop.read("/").await.contains("Sold out"));
    let looking = server.fan().await.read("/checkout/harbour-lights").await;
    assert!(looking.contains("This show is sold out."), "{looking}");

    // A refund brings some back, with nobody in checkout who would look.
    let request = kit::http::RequestId::fresh();
    let mut tx = server.app.pool.begin().await.unwrap();
    let last: Uuid = last.unwrap();
    checkout::contract::request_refund(&mut tx, last, "Asked for.", &request).await.unwrap();
    tx.commit().await.unwrap();
    all_say(&server, &shop, SaleState::FewLeft, "LimitedAvailability", "few_left").await;
    assert!(shop.read("/").await.contains("Few left"));
}
