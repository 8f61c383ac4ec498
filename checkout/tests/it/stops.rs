//! A sale that is stopped: a show withdrawn for good, or its reseller suspended. Nothing more is sold, at any instance; what was
//! sold stays sold.

use std::time::{Duration, Instant};

use axum::http::Method;
use catalog::contract::{Withdrawing, stop_reseller, withdraw_show};
use checkout::contract::Seller;
use kit::http::RequestId;
use serde_json::json;
use uuid::Uuid;

use crate::stage::{Answer, SHOW, Stage, eventually};

const RESELLER: Uuid = Uuid::from_u128(7);

async fn stage_of_reseller() -> Stage {
    let stage = Stage::new().await;
    sqlx::query("UPDATE catalog.shows SET reseller = $1").bind(RESELLER).execute(&stage.corner.pool).await.unwrap();
    stage
}

/// Suspends the reseller of the show, or lets them sell again.
async fn suspend(stage: &Stage, stopped: bool) {
    let mut tx = stage.corner.pool.begin().await.unwrap();
    stop_reseller(&mut tx, RESELLER, stopped, &RequestId::fresh()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn withdraw(stage: &Stage) {
    let mut tx = stage.corner.pool.begin().await.unwrap();
    let who = Withdrawing { reseller: None, by: "admin ada@example.org", reason: Some("ill") };
    assert!(withdraw_show(&mut tx, SHOW, who, &RequestId::fresh()).await.unwrap());
    tx.commit().await.unwrap();
}

/// Waits until an instance refuses a hold of this session's with the problem; then it refuses everything that sells.
async fn refuses(stage: &Stage, session: &str, problem: &str, status: u16) {
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
    suspend(&stage, true).await;
    suspend(&stage, true).await;
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
    assert_eq!(stage.count("SELECT count(*) FROM checkout.tickets WHERE voided_at IS NOT NULL").await, 0);

    suspend(&stage, false).await;
    suspend(&stage, false).await;
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
    withdraw(&stage).await;
    refuses(&stage, &fan, "show-withdrawn", 410).await;
    assert_eq!(stage.order(&holding, "o", &hold).await.ok(410).problem(), "show-withdrawn");
    // It stays so, whatever becomes of the reseller.
    suspend(&stage, true).await;
    suspend(&stage, false).await;
    refuses(&stage, &fan, "show-withdrawn", 410).await;
    assert_eq!(stage.pay(&payer, &placed).await.body["state"], "fulfilled");
    stage.check().await;
}
