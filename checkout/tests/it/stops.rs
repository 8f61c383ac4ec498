//! A sale that is stopped: a show withdrawn for good, or its reseller suspended. Nothing more is
//! sold, at any instance; what was sold stays sold.

use std::time::{Duration, Instant};

use axum::http::Method;
use catalog::contract::{Withdrawing, stop_reseller, withdraw_show};
use checkout::contract::Seller;
use kit::http::RequestId;
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    test_checkout::{Plan, Reply, SHOW, TestCheckout, eventually, id},
    test_server::{Fan, TestServer},
};

const RESELLER: Uuid = Uuid::from_u128(7);

async fn of_reseller() -> TestCheckout {
    TestCheckout::with(Plan { reseller: Some(RESELLER), ..Plan::default() }).await
}

/// Suspends the reseller of the show, or lets them sell again.
async fn suspend(pool: &PgPool, stopped: bool) {
    let mut tx = pool.begin().await.unwrap();
    stop_reseller(&mut tx, RESELLER.into(), stopped, &RequestId::fresh()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn withdraw(pool: &PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let who = Withdrawing { reseller: None, by: "admin ada@example.org", reason: Some("ill") };
    assert!(withdraw_show(&mut tx, &id(SHOW), who, &RequestId::fresh()).await.unwrap());
    tx.commit().await.unwrap();
}

/// Waits until an instance refuses a hold of this session's with the problem; then it refuses
/// everything that sells.
async fn refuses(checkout: &TestCheckout, session: &str, problem: &str, status: u16) {
    let since = Instant::now();
    eventually("holds are refused", || async {
        let answer = checkout.hold(session, &Uuid::new_v4().to_string(), &[1]).await;
        (answer.problem() == problem).then_some(())
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    let pass = checkout.pass(&format!("{SHOW}.0.{}", Uuid::new_v4().as_u128() >> 106));
    let calls: [Reply; 2] = [
        checkout.redeem(&pass).await,
        checkout.get(&format!("/v1/shows/{SHOW}/availability"), "").await,
    ];
    for answer in calls {
        assert_eq!((answer.status.as_u16(), answer.problem()), (status, problem), "{answer:?}");
    }
    let seller = Seller {
        reseller: RESELLER.into(),
        key: Uuid::new_v4(),
        may_sell: true,
        may_read_orders: true,
        may_read_tickets: true,
    };
    let mut body = checkout.items(&[1]);
    body["pass"] = json!(pass);
    let by_key =
        checkout.call_as(Some(seller), Method::POST, "/v1/holds", "", "h", Some(body)).await;
    assert_eq!(by_key.problem(), problem, "{by_key:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_suspended_resellers_show_is_sold_until_they_may_sell_again() {
    let mut checkout = of_reseller().await;
    let (payer, placed) = checkout.bought(&[1]).await;
    let (fan, holding) = (checkout.session().await, checkout.session().await);
    let hold = checkout.hold(&holding, "h", &[1]).await.ok(201).text_of("hold");
    let first = checkout.router.clone();
    let second = checkout.another_instance();
    suspend(&checkout.test_env.pool, true).await;
    suspend(&checkout.test_env.pool, true).await;
    for instance in [second, first] {
        checkout.router = instance;
        refuses(&checkout, &fan, "sale-stopped", 409).await;
        let refused = checkout.order(&holding, "o", &hold).await.ok(409);
        assert_eq!(refused.problem(), "sale-stopped");
        assert!(refused.text_of("detail").contains("Orders that were placed can be paid"));
    }
    // What was ordered before can be paid, and its tickets are good.
    let paid = checkout.pay(&payer, &placed).await;
    assert_eq!(paid.body["tickets"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        checkout.count("SELECT count(*) FROM checkout.tickets WHERE voided_at IS NOT NULL").await,
        0
    );

    suspend(&checkout.test_env.pool, false).await;
    suspend(&checkout.test_env.pool, false).await;
    eventually("holds are taken again", || async {
        let answer = checkout.hold(&fan, &Uuid::new_v4().to_string(), &[1]).await;
        (answer.status == 201).then_some(())
    })
    .await;
    checkout.order(&holding, "o", &hold).await.ok(201);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_show_is_not_sold_and_its_orders_stay() {
    let checkout = of_reseller().await;
    let (payer, placed) = checkout.bought(&[1]).await;
    let (fan, holding) = (checkout.session().await, checkout.session().await);
    let hold = checkout.hold(&holding, "h", &[1]).await.ok(201).text_of("hold");
    withdraw(&checkout.test_env.pool).await;
    refuses(&checkout, &fan, "show-withdrawn", 410).await;
    assert_eq!(checkout.order(&holding, "o", &hold).await.ok(410).problem(), "show-withdrawn");
    // It stays so, whatever becomes of the reseller.
    suspend(&checkout.test_env.pool, true).await;
    suspend(&checkout.test_env.pool, false).await;
    refuses(&checkout, &fan, "show-withdrawn", 410).await;
    assert_eq!(checkout.pay(&payer, &placed).await.body["state"], "fulfilled");
    checkout.check().await;
}

/// Looks at checkout until it says so; gives the status.
async fn reads(fan: &Fan, words: &str) -> u16 {
    eventually(words, || async {
        let answer = fan.get("/checkout/harbour-lights").await;
        let status = answer.status.as_u16();
        answer.text.contains(words).then_some(status)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_in_checkout_read_that_the_sale_was_stopped_and_go_on_when_it_does() {
    let server = TestServer::of_reseller(RESELLER).await;
    let pool = &server.app.pool;
    let (fan, chooser, comer) = (server.fan().await, server.fan().await, server.stranger());
    fan.hold(&[(&server.floor, 1)]).await;
    let (quantity, pass) = (format!("q-{}", server.floor.ticket_type), server.pass());
    let buyer = [("name", "Mira Vale"), ("email", "mira@example.com")];
    let choice = [("attempt", "a"), (quantity.as_str(), "1")];
    for (withdrawn, words) in
        [(false, "Nothing is sold right now"), (true, "This show was withdrawn")]
    {
        if withdrawn {
            withdraw(pool).await;
        } else {
            suspend(pool, true).await;
        }
        assert_eq!(reads(&fan, words).await, 403);
        for answer in [
            fan.post("/checkout/harbour-lights/order", &buyer).await,
            chooser.post("/checkout/harbour-lights/hold", &choice).await,
            comer.post("/checkout/harbour-lights/enter", &[("pass", &pass)]).await,
        ] {
            assert_eq!(answer.status.as_u16(), 403);
            let page = answer.text;
            let safe = page.contains("Orders you placed are safe");
            assert!(page.contains(words) && safe && !page.contains("Join the line"), "{page}");
        }
        if !withdrawn {
            suspend(pool, false).await;
            assert_eq!(reads(&fan, "Your tickets are held").await, 200);
        }
    }
}
