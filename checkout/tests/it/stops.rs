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
    test_checkout::{Answer, SHOW, TestCheckout, eventually},
    test_server::{Fan, TestServer},
};

const RESELLER: Uuid = Uuid::from_u128(7);

async fn give_to_reseller(pool: &PgPool) {
    sqlx::query("UPDATE catalog.shows SET reseller = $1")
        .bind(RESELLER)
        .execute(pool)
        .await
        .unwrap();
}

async fn stage_of_reseller() -> TestCheckout {
    let stage = TestCheckout::new().await;
    give_to_reseller(&stage.corner.pool).await;
    stage
}

/// Suspends the reseller of the show, or lets them sell again.
async fn suspend(pool: &PgPool, stopped: bool) {
    let mut tx = pool.begin().await.unwrap();
    stop_reseller(&mut tx, RESELLER, stopped, &RequestId::fresh()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn withdraw(pool: &PgPool) {
    let mut tx = pool.begin().await.unwrap();
    let who = Withdrawing { reseller: None, by: "admin ada@example.org", reason: Some("ill") };
    assert!(withdraw_show(&mut tx, SHOW, who, &RequestId::fresh()).await.unwrap());
    tx.commit().await.unwrap();
}

/// Waits until an instance refuses a hold of this session's with the problem; then it refuses
/// everything that sells.
async fn refuses(stage: &TestCheckout, session: &str, problem: &str, status: u16) {
    let since = Instant::now();
    eventually("holds are refused", || async {
        let answer = stage.hold(session, &Uuid::new_v4().to_string(), &[1]).await;
        (answer.problem() == problem).then_some(())
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    let pass = stage.pass(&format!("{SHOW}.0.{}", Uuid::new_v4().as_u128() >> 70));
    let calls: [Answer; 2] =
        [stage.redeem(&pass).await, stage.get(&format!("/v1/shows/{SHOW}/availability"), "").await];
    for answer in calls {
        assert_eq!((answer.status.as_u16(), answer.problem()), (status, problem), "{answer:?}");
    }
    let seller = Seller {
        reseller: RESELLER,
        key: Uuid::new_v4(),
        may_sell: true,
        may_read_orders: true,
        may_read_tickets: true,
    };
    let mut body = stage.items(&[1]);
    body["pass"] = json!(pass);
    let by_key = stage.call_as(Some(seller), Method::POST, "/v1/holds", "", "h", Some(body)).await;
    assert_eq!(by_key.problem(), problem, "{by_key:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_suspended_resellers_show_is_sold_until_they_may_sell_again() {
    let mut stage = stage_of_reseller().await;
    let (payer, placed) = stage.bought(&[1]).await;
    let (fan, holding) = (stage.session().await, stage.session().await);
    let hold = stage.hold(&holding, "h", &[1]).await.ok(201).text("hold");
    let first = stage.router.clone();
    let second = stage.another_instance();
    suspend(&stage.corner.pool, true).await;
    suspend(&stage.corner.pool, true).await;
    for instance in [second, first] {
        stage.router = instance;
        refuses(&stage, &fan, "sale-stopped", 409).await;
        let refused = stage.order(&holding, "o", &hold).await.ok(409);
        assert_eq!(refused.problem(), "sale-stopped");
        assert!(refused.text("detail").contains("Orders that were placed can be paid"));
    }
    // What was ordered before can be paid, and its tickets are good.
    let paid = stage.pay(&payer, &placed).await;
    assert_eq!(paid.body["tickets"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        stage.count("SELECT count(*) FROM checkout.tickets WHERE voided_at IS NOT NULL").await,
        0
    );

    suspend(&stage.corner.pool, false).await;
    suspend(&stage.corner.pool, false).await;
    eventually("holds are taken again", || async {
        let answer = stage.hold(&fan, &Uuid::new_v4().to_string(), &[1]).await;
        (answer.status == 201).then_some(())
    })
    .await;
    stage.order(&holding, "o", &hold).await.ok(201);
    stage.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_show_is_not_sold_and_its_orders_stay() {
    let stage = stage_of_reseller().await;
    let (payer, placed) = stage.bought(&[1]).await;
    let (fan, holding) = (stage.session().await, stage.session().await);
    let hold = stage.hold(&holding, "h", &[1]).await.ok(201).text("hold");
    withdraw(&stage.corner.pool).await;
    refuses(&stage, &fan, "show-withdrawn", 410).await;
    assert_eq!(stage.order(&holding, "o", &hold).await.ok(410).problem(), "show-withdrawn");
    // It stays so, whatever becomes of the reseller.
    suspend(&stage.corner.pool, true).await;
    suspend(&stage.corner.pool, false).await;
    refuses(&stage, &fan, "show-withdrawn", 410).await;
    assert_eq!(stage.pay(&payer, &placed).await.body["state"], "fulfilled");
    stage.check().await;
}

/// Looks at checkout until it says so; gives the status.
async fn reads(fan: &Fan, words: &str) -> u16 {
    eventually(words, || async {
        let answer = fan.get("/checkout/harbour-lights").await;
        let status = answer.status().as_u16();
        answer.text().await.unwrap().contains(words).then_some(status)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn people_in_checkout_read_that_the_sale_was_stopped_and_go_on_when_it_does() {
    let shop = TestServer::new().await;
    let pool = &shop.app.pool;
    give_to_reseller(pool).await;
    let (fan, chooser, comer) = (shop.fan().await, shop.fan().await, shop.stranger());
    fan.hold(&[(&shop.floor, 1)]).await;
    let (quantity, pass) = (format!("q-{}", shop.floor.ticket_type), shop.pass());
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
            assert_eq!(answer.status().as_u16(), 403);
            let page = answer.text().await.unwrap();
            let safe = page.contains("Orders you placed are safe");
            assert!(page.contains(words) && safe && !page.contains("Join the line"), "{page}");
        }
        if !withdrawn {
            suspend(pool, false).await;
            assert_eq!(reads(&fan, "Your tickets are held").await, 200);
        }
    }
}
