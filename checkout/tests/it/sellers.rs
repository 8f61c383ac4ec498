//! Resellers sell and look by API key: their own shows only, and only what the key may do.

use axum::http::Method;
use checkout::contract::Seller;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::test_checkout::{Answer, SHOW, TestCheckout, eventually};

struct Desk {
    stage: TestCheckout,
    seller: Seller,
}

impl Desk {
    /// A show of this seller's.
    async fn new() -> Self {
        let stage = TestCheckout::new().await;
        let seller = Seller {
            reseller: Uuid::new_v4(),
            key: Uuid::new_v4(),
            may_sell: true,
            may_read_orders: true,
            may_read_tickets: true,
        };
        sqlx::query("UPDATE catalog.shows SET reseller = $1 WHERE show = $2")
            .bind(seller.reseller)
            .bind(SHOW)
            .execute(&stage.corner.pool)
            .await
            .unwrap();
        Self { stage, seller }
    }

    async fn call(
        &self,
        seller: Seller,
        method: Method,
        path: &str,
        key: &str,
        body: Option<Value>,
    ) -> Answer {
        self.stage.call_as(Some(seller), method, path, "", key, body).await
    }

    fn pass(&self) -> String {
        self.stage.pass(&format!("{SHOW}.0.{}", Uuid::new_v4().as_u128() >> 70))
    }

    async fn hold(&self, seller: Seller, pass: &str, key: &str, quantity: i32) -> Answer {
        let mut body = self.stage.items(&[quantity]);
        body["pass"] = json!(pass);
        self.call(seller, Method::POST, "/v1/holds", key, Some(body)).await
    }

    async fn order(&self, seller: Seller, hold: &str) -> Answer {
        let buyer = json!({ "name": "Ada", "email": "ada@example.com", "language": "de-AT" });
        let body = json!({ "hold": hold, "buyer": buyer });
        self.call(seller, Method::POST, "/v1/orders", "o", Some(body)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reseller_sells_to_the_fan_of_a_pass_and_sees_the_order() {
    let desk = Desk::new().await;
    let (seller, pass) = (desk.seller, desk.pass());
    let first = desk.hold(seller, &pass, "h1", 1).await.ok(201);
    let again = desk.hold(seller, &pass, "h1", 1).await.ok(201);
    assert_eq!(first.body, again.body, "the same session, the same hold");
    let hold = desk.hold(seller, &pass, "h2", 2).await.ok(201).text("hold");
    assert_eq!(desk.stage.free().await, 98, "one hold a session");
    // The pass is used, for fans too.
    assert_eq!(desk.stage.redeem(&pass).await.problem(), "pass-used");
    let order = desk.order(seller, &hold).await.ok(201);
    let path = order.location.clone().unwrap();
    assert_eq!(desk.order(seller, &hold).await.ok(201).text("order"), order.text("order"));
    assert_eq!(
        desk.call(seller, Method::GET, &path, "", None).await.ok(200).body["amount_minor"],
        2_000
    );
    assert_eq!(
        desk.stage.count("SELECT count(*) FROM checkout.orders WHERE language = 'de-AT'").await,
        1
    );
    assert_eq!(
        desk.call(seller, Method::DELETE, &path, "", None).await.ok(200).body["state"],
        "cancelled"
    );
    let hold = desk.hold(seller, &desk.pass(), "h", 1).await.ok(201).text("hold");
    desk.call(seller, Method::DELETE, &format!("/v1/holds/{hold}"), "", None).await.ok(204);
    assert_eq!(desk.stage.free().await, 100);
    desk.stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_and_orders_of_others_are_unknown() {
    let desk = Desk::new().await;
    let other = Seller { reseller: Uuid::new_v4(), key: Uuid::new_v4(), ..desk.seller };
    let pass = desk.pass();
    assert_eq!(desk.hold(other, &pass, "h", 1).await.ok(404).problem(), "show-unknown");
    let hold = desk.hold(desk.seller, &pass, "h", 1).await.ok(201).text("hold");
    assert_eq!(desk.order(other, &hold).await.ok(404).problem(), "show-unknown");
    let given_back = desk.call(other, Method::DELETE, &format!("/v1/holds/{hold}"), "", None).await;
    assert_eq!(given_back.ok(404).problem(), "show-unknown");
    let path = desk.order(desk.seller, &hold).await.ok(201).location.unwrap();
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(
            desk.call(other, method, &path, "", None).await.ok(404).problem(),
            "order-unknown"
        );
    }
    let (_, fans) = desk.stage.bought(&[1]).await;
    let path = fans.location.unwrap();
    desk.call(desk.seller, Method::GET, &path, "", None).await.ok(200);
    assert_eq!(
        desk.call(other, Method::GET, &path, "", None).await.ok(404).problem(),
        "order-unknown"
    );
    desk.stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fans_hold_is_not_the_resellers_and_the_other_way_round() {
    let desk = Desk::new().await;
    let fan = desk.stage.session().await;
    let fans = desk.stage.hold(&fan, "h", &[1]).await.ok(201).text("hold");
    assert_eq!(desk.order(desk.seller, &fans).await.ok(403).problem(), "hold-foreign");
    let back = desk.call(desk.seller, Method::DELETE, &format!("/v1/holds/{fans}"), "", None).await;
    assert_eq!(back.ok(403).problem(), "hold-foreign");
    let sellers = desk.hold(desk.seller, &desk.pass(), "h", 1).await.ok(201).text("hold");
    assert_eq!(desk.stage.order(&fan, "o", &sellers).await.ok(403).problem(), "hold-foreign");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_what_its_scopes_say() {
    let desk = Desk::new().await;
    let reads = Seller { may_sell: false, ..desk.seller };
    let sells = Seller { may_read_orders: false, may_read_tickets: false, ..desk.seller };
    let pass = desk.pass();
    let refused = desk.hold(reads, &pass, "h", 1).await.ok(403);
    assert_eq!(refused.problem(), "scope-missing");
    assert!(refused.text("detail").contains("`orders:write`"), "{refused:?}");
    let hold = desk.hold(sells, &pass, "h", 1).await.ok(201).text("hold");
    assert_eq!(desk.order(reads, &hold).await.ok(403).problem(), "scope-missing");
    let back = desk.call(reads, Method::DELETE, &format!("/v1/holds/{hold}"), "", None).await;
    assert_eq!(back.ok(403).problem(), "scope-missing");
    let path = desk.order(sells, &hold).await.ok(201).location.unwrap();
    desk.call(sells, Method::GET, &path, "", None).await.ok(200);
    let (_, fans) = desk.stage.bought(&[1]).await;
    let not_its_own = fans.location.unwrap();
    assert_eq!(
        desk.call(sells, Method::GET, &not_its_own, "", None).await.ok(404).problem(),
        "order-unknown"
    );
    let neither = Seller { may_sell: false, ..sells };
    let refused = desk.call(neither, Method::GET, &path, "", None).await.ok(403);
    assert!(refused.text("detail").contains("`orders:read`"), "{refused:?}");
    desk.call(reads, Method::GET, &path, "", None).await.ok(200);
    assert_eq!(
        desk.call(reads, Method::DELETE, &path, "", None).await.ok(403).problem(),
        "scope-missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_touches_what_it_made_and_nothing_else_of_its_resellers() {
    let desk = Desk::new().await;
    let other = Seller { key: Uuid::new_v4(), ..desk.seller };
    let hold = desk.hold(desk.seller, &desk.pass(), "h", 1).await.ok(201).text("hold");
    assert_eq!(desk.order(other, &hold).await.ok(403).problem(), "hold-foreign");
    let back = desk.call(other, Method::DELETE, &format!("/v1/holds/{hold}"), "", None).await;
    assert_eq!(back.ok(403).problem(), "hold-foreign");
    let path = desk.order(desk.seller, &hold).await.ok(201).location.unwrap();
    let (_, fans) = desk.stage.bought(&[1]).await;
    let fans = fans.location.unwrap();
    for (who, path) in [(other, &path), (other, &fans), (desk.seller, &fans)] {
        desk.call(who, Method::GET, path, "", None).await.ok(200);
        assert_eq!(
            desk.call(who, Method::DELETE, path, "", None).await.ok(404).problem(),
            "order-unknown"
        );
    }
    assert_eq!(
        desk.stage.count("SELECT count(*) FROM checkout.orders WHERE state = 'cancelled'").await,
        0
    );
    let own = desk.call(desk.seller, Method::DELETE, &path, "", None).await.ok(200);
    assert_eq!(own.body["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_codes_are_for_the_fan_for_the_key_that_sold_and_for_whoever_may_read_tickets() {
    let desk = Desk::new().await;
    let (fan, order) = desk.stage.bought(&[2]).await;
    let own = desk.stage.pay(&fan, &order).await;
    assert!(own.body["tickets"][1]["code"].is_string(), "{own:?}");
    let path = order.location.unwrap();
    let reads =
        Seller { may_sell: false, may_read_tickets: false, key: Uuid::new_v4(), ..desk.seller };
    let codes = async |who: Seller, path: &str| {
        let answer = desk.call(who, Method::GET, path, "", None).await.ok(200);
        let tickets = answer.body["tickets"].as_array().unwrap().clone();
        assert_eq!(
            tickets.iter().map(|ticket| &ticket["number"]).collect::<Vec<_>>(),
            [1, 2],
            "{answer:?}"
        );
        tickets.iter().filter(|ticket| ticket.get("code").is_some()).count()
    };
    assert_eq!(codes(reads, &path).await, 0, "reading orders is not going in");
    assert_eq!(codes(Seller { may_sell: true, ..reads }, &path).await, 0, "nor is selling others");
    assert_eq!(codes(Seller { may_read_tickets: true, ..reads }, &path).await, 2);

    let sells = Seller { may_read_tickets: false, ..desk.seller };
    let hold = desk.hold(sells, &desk.pass(), "h", 2).await.ok(201).text("hold");
    let order = desk.order(sells, &hold).await.ok(201);
    let path = order.location.clone().unwrap();
    let url = order.body["payment"]["url"].as_str().unwrap().to_owned();
    let intent = url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let confirm = format!("/sandbox/v1/intents/{intent}/confirm");
    desk.stage.post(&confirm, "", "", json!({ "method": "ok" })).await.ok(200);
    eventually("the order is fulfilled", || async {
        let answer = desk.call(sells, Method::GET, &path, "", None).await;
        (answer.body["state"] == "fulfilled").then_some(())
    })
    .await;
    assert_eq!(codes(sells, &path).await, 2, "the shop hands them to its fan");
    assert_eq!(codes(reads, &path).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_goes_with_an_api_key_and_with_nothing_else() {
    let desk = Desk::new().await;
    let without = desk
        .call(desk.seller, Method::POST, "/v1/holds", "h", Some(desk.stage.items(&[1])))
        .await
        .ok(422);
    assert_eq!(without.body["errors"][0]["field"], "pass");
    let mut body = desk.stage.items(&[1]);
    body["pass"] = json!(desk.pass());
    let fan = desk.stage.session().await;
    assert_eq!(
        desk.stage.post("/v1/holds", &fan, "h", body).await.ok(422).body["errors"][0]["field"],
        "pass"
    );
    assert_eq!(
        desk.stage.post("/v1/holds", "", "h", desk.stage.items(&[1])).await.ok(401).problem(),
        "session-needed"
    );
}

/// Sessions that the system opens have keys of their own; who guesses one gets no session by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_reads_like_one_of_ours_opens_no_session_of_ours() {
    let desk = Desk::new().await;
    for key in [format!("api-key:{}", desk.seller.key), "page".to_owned()] {
        let pass = desk.pass();
        let opened = desk
            .stage
            .post("/v1/checkout/sessions", "", &key, json!({ "pass": pass }))
            .await
            .ok(201);
        let held = desk.hold(desk.seller, &pass, "h", 1).await;
        assert_eq!(held.problem(), "pass-used", "{key}");
        let entered = tower::ServiceExt::oneshot(
            desk.stage.router.clone(),
            axum::http::Request::post("/checkout/harbour-lights/enter")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(axum::body::Body::from(format!("pass={pass}")))
                .unwrap(),
        );
        assert!(!entered.await.unwrap().status().is_redirection(), "{key}");
        desk.stage
            .delete("/v1/checkout/sessions/current", &opened.text("session_token"))
            .await
            .ok(204);
    }
    let key = format!(" api-key:{}", desk.seller.key);
    let refused =
        desk.stage.post("/v1/checkout/sessions", "", &key, json!({ "pass": desk.pass() })).await;
    assert_ne!(refused.status, 201, "{refused:?}");
}
