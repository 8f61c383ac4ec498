//! Resellers sell and look by API key: their own shows only, and only what the key may do.

use axum::http::Method;
use checkout::contract::Seller;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::test_checkout::{Plan, Reply, SHOW, TestCheckout, eventually};

struct SellerApi {
    checkout: TestCheckout,
    seller: Seller,
}

impl SellerApi {
    /// A show of this seller's.
    async fn new() -> Self {
        let seller = Seller {
            reseller: Uuid::new_v4().into(),
            key: Uuid::new_v4(),
            may_sell: true,
            may_read_orders: true,
            may_read_tickets: true,
        };
        let plan = Plan { reseller: Some(seller.reseller.uuid()), ..Plan::default() };
        Self { checkout: TestCheckout::with(plan).await, seller }
    }

    async fn call(
        &self,
        seller: Seller,
        method: Method,
        path: &str,
        key: &str,
        body: Option<Value>,
    ) -> Reply {
        self.checkout.call_as(Some(seller), method, path, "", key, body).await
    }

    fn pass(&self) -> String {
        self.checkout.pass(&format!("{SHOW}.0.{}", Uuid::new_v4().as_u128() >> 106))
    }

    async fn hold(&self, seller: Seller, pass: &str, key: &str, quantity: i32) -> Reply {
        let mut body = self.checkout.items(&[quantity]);
        body["pass"] = json!(pass);
        self.call(seller, Method::POST, "/v1/holds", key, Some(body)).await
    }

    async fn order(&self, seller: Seller, hold: &str) -> Reply {
        let buyer = json!({ "name": "Ada", "email": "ada@example.com", "language": "de-AT" });
        let body = json!({ "hold": hold, "buyer": buyer });
        self.call(seller, Method::POST, "/v1/orders", "o", Some(body)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reseller_sells_to_the_fan_of_a_pass_and_sees_the_order() {
    let seller_api = SellerApi::new().await;
    let (seller, pass) = (seller_api.seller, seller_api.pass());
    let first = seller_api.hold(seller, &pass, "h1", 1).await.ok(201);
    let again = seller_api.hold(seller, &pass, "h1", 1).await.ok(201);
    assert_eq!(first.body, again.body, "the same session, the same hold");
    let hold = seller_api.hold(seller, &pass, "h2", 2).await.ok(201).text_of("hold");
    assert_eq!(seller_api.checkout.free().await, 98, "one hold a session");
    // The pass is used, for fans too.
    assert_eq!(seller_api.checkout.redeem(&pass).await.problem(), "pass-used");
    let order = seller_api.order(seller, &hold).await.ok(201);
    let path = order.location().to_owned();
    assert_eq!(
        seller_api.order(seller, &hold).await.ok(201).text_of("order"),
        order.text_of("order")
    );
    assert_eq!(
        seller_api.call(seller, Method::GET, &path, "", None).await.ok(200).body["amount_minor"],
        2_000
    );
    assert_eq!(
        seller_api
            .checkout
            .count("SELECT count(*) FROM checkout.orders WHERE language = 'de-AT'")
            .await,
        1
    );
    assert_eq!(
        seller_api.call(seller, Method::DELETE, &path, "", None).await.ok(200).body["state"],
        "cancelled"
    );
    let hold = seller_api.hold(seller, &seller_api.pass(), "h", 1).await.ok(201).text_of("hold");
    seller_api.call(seller, Method::DELETE, &format!("/v1/holds/{hold}"), "", None).await.ok(204);
    assert_eq!(seller_api.checkout.free().await, 100);
    seller_api.checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shows_and_orders_of_others_are_unknown() {
    let seller_api = SellerApi::new().await;
    let other =
        Seller { reseller: Uuid::new_v4().into(), key: Uuid::new_v4(), ..seller_api.seller };
    let pass = seller_api.pass();
    assert_eq!(seller_api.hold(other, &pass, "h", 1).await.ok(404).problem(), "show-unknown");
    let hold = seller_api.hold(seller_api.seller, &pass, "h", 1).await.ok(201).text_of("hold");
    assert_eq!(seller_api.order(other, &hold).await.ok(404).problem(), "show-unknown");
    let given_back =
        seller_api.call(other, Method::DELETE, &format!("/v1/holds/{hold}"), "", None).await;
    assert_eq!(given_back.ok(404).problem(), "show-unknown");
    let path = seller_api.order(seller_api.seller, &hold).await.ok(201).location().to_owned();
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(
            seller_api.call(other, method, &path, "", None).await.ok(404).problem(),
            "order-unknown"
        );
    }
    let (_, fans) = seller_api.checkout.bought(&[1]).await;
    let path = fans.location().to_owned();
    seller_api.call(seller_api.seller, Method::GET, &path, "", None).await.ok(200);
    assert_eq!(
        seller_api.call(other, Method::GET, &path, "", None).await.ok(404).problem(),
        "order-unknown"
    );
    seller_api.checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fans_hold_is_not_the_resellers_and_the_other_way_round() {
    let seller_api = SellerApi::new().await;
    let fan = seller_api.checkout.session().await;
    let fans = seller_api.checkout.hold(&fan, "h", &[1]).await.ok(201).text_of("hold");
    assert_eq!(seller_api.order(seller_api.seller, &fans).await.ok(403).problem(), "hold-foreign");
    let back = seller_api
        .call(seller_api.seller, Method::DELETE, &format!("/v1/holds/{fans}"), "", None)
        .await;
    assert_eq!(back.ok(403).problem(), "hold-foreign");
    let sellers = seller_api
        .hold(seller_api.seller, &seller_api.pass(), "h", 1)
        .await
        .ok(201)
        .text_of("hold");
    assert_eq!(
        seller_api.checkout.order(&fan, "o", &sellers).await.ok(403).problem(),
        "hold-foreign"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_what_its_scopes_say() {
    let seller_api = SellerApi::new().await;
    let reads = Seller { may_sell: false, ..seller_api.seller };
    let sells = Seller { may_read_orders: false, may_read_tickets: false, ..seller_api.seller };
    let pass = seller_api.pass();
    let refused = seller_api.hold(reads, &pass, "h", 1).await.ok(403);
    assert_eq!(refused.problem(), "scope-missing");
    assert!(refused.text_of("detail").contains("`orders:write`"), "{refused:?}");
    let hold = seller_api.hold(sells, &pass, "h", 1).await.ok(201).text_of("hold");
    assert_eq!(seller_api.order(reads, &hold).await.ok(403).problem(), "scope-missing");
    let back = seller_api.call(reads, Method::DELETE, &format!("/v1/holds/{hold}"), "", None).await;
    assert_eq!(back.ok(403).problem(), "scope-missing");
    let path = seller_api.order(sells, &hold).await.ok(201).location().to_owned();
    seller_api.call(sells, Method::GET, &path, "", None).await.ok(200);
    let (_, fans) = seller_api.checkout.bought(&[1]).await;
    let not_its_own = fans.location().to_owned();
    assert_eq!(
        seller_api.call(sells, Method::GET, &not_its_own, "", None).await.ok(404).problem(),
        "order-unknown"
    );
    let neither = Seller { may_sell: false, ..sells };
    let refused = seller_api.call(neither, Method::GET, &path, "", None).await.ok(403);
    assert!(refused.text_of("detail").contains("`orders:read`"), "{refused:?}");
    seller_api.call(reads, Method::GET, &path, "", None).await.ok(200);
    assert_eq!(
        seller_api.call(reads, Method::DELETE, &path, "", None).await.ok(403).problem(),
        "scope-missing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_touches_what_it_made_and_nothing_else_of_its_resellers() {
    let seller_api = SellerApi::new().await;
    let other = Seller { key: Uuid::new_v4(), ..seller_api.seller };
    let hold = seller_api
        .hold(seller_api.seller, &seller_api.pass(), "h", 1)
        .await
        .ok(201)
        .text_of("hold");
    assert_eq!(seller_api.order(other, &hold).await.ok(403).problem(), "hold-foreign");
    let back = seller_api.call(other, Method::DELETE, &format!("/v1/holds/{hold}"), "", None).await;
    assert_eq!(back.ok(403).problem(), "hold-foreign");
    let path = seller_api.order(seller_api.seller, &hold).await.ok(201).location().to_owned();
    let (_, fans) = seller_api.checkout.bought(&[1]).await;
    let fans = fans.location().to_owned();
    for (who, path) in [(other, &path), (other, &fans), (seller_api.seller, &fans)] {
        seller_api.call(who, Method::GET, path, "", None).await.ok(200);
        assert_eq!(
            seller_api.call(who, Method::DELETE, path, "", None).await.ok(404).problem(),
            "order-unknown"
        );
    }
    assert_eq!(
        seller_api
            .checkout
            .count("SELECT count(*) FROM checkout.orders WHERE state = 'cancelled'")
            .await,
        0
    );
    let own = seller_api.call(seller_api.seller, Method::DELETE, &path, "", None).await.ok(200);
    assert_eq!(own.body["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_codes_are_for_the_fan_for_the_key_that_sold_and_for_whoever_may_read_tickets() {
    let seller_api = SellerApi::new().await;
    let (fan, order) = seller_api.checkout.bought(&[2]).await;
    let own = seller_api.checkout.pay(&fan, &order).await;
    assert!(own.body["tickets"][1]["code"].is_string(), "{own:?}");
    let path = order.location().to_owned();
    let reads = Seller {
        may_sell: false,
        may_read_tickets: false,
        key: Uuid::new_v4(),
        ..seller_api.seller
    };
    let codes = async |who: Seller, path: &str| {
        let answer = seller_api.call(who, Method::GET, path, "", None).await.ok(200);
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

    let sells = Seller { may_read_tickets: false, ..seller_api.seller };
    let hold = seller_api.hold(sells, &seller_api.pass(), "h", 2).await.ok(201).text_of("hold");
    let order = seller_api.order(sells, &hold).await.ok(201);
    let path = order.location().to_owned();
    let url = order.body["payment"]["url"].as_str().unwrap().to_owned();
    let intent = url.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    let confirm = format!("/sandbox/v1/intents/{intent}/confirm");
    seller_api.checkout.post(&confirm, "", "", json!({ "method": "ok" })).await.ok(200);
    eventually("the order is fulfilled", || async {
        let answer = seller_api.call(sells, Method::GET, &path, "", None).await;
        (answer.body["state"] == "fulfilled").then_some(())
    })
    .await;
    assert_eq!(codes(sells, &path).await, 2, "the shop hands them to its fan");
    assert_eq!(codes(reads, &path).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_goes_with_an_api_key_and_with_nothing_else() {
    let seller_api = SellerApi::new().await;
    let without = seller_api
        .call(
            seller_api.seller,
            Method::POST,
            "/v1/holds",
            "h",
            Some(seller_api.checkout.items(&[1])),
        )
        .await
        .ok(422);
    assert_eq!(without.body["errors"][0]["field"], "pass");
    let mut body = seller_api.checkout.items(&[1]);
    body["pass"] = json!(seller_api.pass());
    let fan = seller_api.checkout.session().await;
    assert_eq!(
        seller_api.checkout.post("/v1/holds", &fan, "h", body).await.ok(422).body["errors"][0]["field"],
        "pass"
    );
    assert_eq!(
        seller_api
            .checkout
            .post("/v1/holds", "", "h", seller_api.checkout.items(&[1]))
            .await
            .ok(401)
            .problem(),
        "session-needed"
    );
}

/// Sessions that the system opens have keys of their own; who guesses one gets no session by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_reads_like_one_of_ours_opens_no_session_of_ours() {
    let seller_api = SellerApi::new().await;
    for key in [format!("api-key:{}", seller_api.seller.key), "page".to_owned()] {
        let pass = seller_api.pass();
        let opened = seller_api
            .checkout
            .post("/v1/checkout/sessions", "", &key, json!({ "pass": pass }))
            .await
            .ok(201);
        let held = seller_api.hold(seller_api.seller, &pass, "h", 1).await;
        assert_eq!(held.problem(), "pass-used", "{key}");
        let entered = tower::ServiceExt::oneshot(
            seller_api.checkout.router.clone(),
            axum::http::Request::post("/checkout/harbour-lights/enter")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(axum::body::Body::from(format!("pass={pass}")))
                .unwrap(),
        );
        assert!(!entered.await.unwrap().status().is_redirection(), "{key}");
        seller_api
            .checkout
            .delete("/v1/checkout/sessions/current", &opened.text_of("session_token"))
            .await
            .ok(204);
    }
    let key = format!(" api-key:{}", seller_api.seller.key);
    let refused = seller_api
        .checkout
        .post("/v1/checkout/sessions", "", &key, json!({ "pass": seller_api.pass() }))
        .await;
    assert_ne!(refused.status, 201, "{refused:?}");
}
