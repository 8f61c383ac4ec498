//! Changing a hold: the new one comes in the place of the old, and the old one is never lost for
//! it.

use std::time::Duration;

use futures::future::join_all;

use crate::{
    proxy::Proxy,
    test_checkout::{Plan, TestCheckout},
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sold_out_but_mine_can_be_changed_and_is_kept_when_it_cannot() {
    let checkout =
        TestCheckout::with(Plan { stock: vec![(4, 1), (2, 1)], ..Plan::default() }).await;
    let (mine, others) = (checkout.session().await, checkout.session().await);
    checkout.hold(&others, "a", &[2]).await.ok(201);
    let two = checkout.hold(&mine, "a", &[2]).await.ok(201).text_of("hold");
    checkout.hold(&others, "b", &[2, 2]).await.ok(201);

    let refused = checkout.hold(&mine, "b", &[3]).await.ok(409);
    assert_eq!(refused.problem(), "not-enough-left");
    assert_eq!(refused.body["errors"][0]["detail"], "2 left");
    assert!(refused.text_of("detail").ends_with("You keep the 2 tickets you hold."), "{refused:?}");
    // Another type than the one held: the same.
    let refused = checkout.hold(&mine, "c", &[0, 1]).await.ok(409);
    assert_eq!(refused.problem(), "sold-out");
    assert!(refused.text_of("detail").ends_with("You keep the 2 tickets you hold."), "{refused:?}");
    // Some of what is asked could be had; it goes back to where it came from.
    assert_eq!(checkout.hold(&mine, "d", &[2, 1]).await.problem(), "sold-out");
    assert_eq!(
        checkout.hold(&others, "c", &[3, 2]).await.problem(),
        "not-enough-left",
        "nobody got at them"
    );

    checkout.order(&mine, "o", &two).await.ok(201);
    assert_eq!((checkout.committed().await, checkout.free().await), (2, 0));
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_fewer_and_back_takes_no_more_than_it_needs() {
    let checkout = TestCheckout::with(Plan { stock: vec![(2, 1)], ..Plan::default() }).await;
    let session = checkout.session().await;
    checkout.hold(&session, "a", &[2]).await.ok(201);
    checkout.hold(&session, "b", &[1]).await.ok(201);
    assert_eq!(checkout.free().await, 1);
    let two = checkout.hold(&session, "c", &[2]).await.ok(201).text_of("hold");
    assert_eq!(checkout.free().await, 0);
    checkout.order(&session, "o", &two).await.ok(201);
    assert_eq!(checkout.committed().await, 2);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_over_shards_uses_the_tickets_that_are_held() {
    let checkout = TestCheckout::with(Plan { stock: vec![(6, 6)], ..Plan::default() }).await;
    let (mine, others) = (checkout.session().await, checkout.session().await);
    checkout.hold(&mine, "a", &[3]).await.ok(201);
    checkout.hold(&others, "a", &[2]).await.ok(201);
    assert_eq!(checkout.free().await, 1);
    // Four can be had only with the three that are held; five cannot.
    checkout.hold(&mine, "b", &[4]).await.ok(201);
    assert_eq!(checkout.free().await, 0);
    let fewer = checkout.hold(&mine, "c", &[3]).await.ok(201);
    assert_eq!(checkout.free().await, 1);
    checkout.hold(&others, "b", &[3]).await.ok(201);
    assert_eq!(checkout.hold(&mine, "d", &[4]).await.problem(), "not-enough-left");
    checkout.order(&mine, "o", &fewer.text_of("hold")).await.ok(201);
    assert_eq!((checkout.committed().await, checkout.free().await), (3, 0));
    checkout.check().await;
}

/// Each fan holds two of a sold-out type and asks again and again for what cannot be had, and for
/// what can, while a rival grabs whatever is free.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_at_tickets_while_their_holder_changes_the_hold() {
    let checkout =
        TestCheckout::with(Plan { stock: vec![(12, 3), (1, 1)], ..Plan::default() }).await;
    let fans = join_all((0..6).map(|_| checkout.session())).await;
    for fan in &fans {
        checkout.hold(fan, "first", &[2]).await.ok(201);
    }
    let (rival, taker) = (checkout.session().await, checkout.session().await);
    checkout.hold(&taker, "a", &[0, 1]).await.ok(201);
    let changing = join_all(fans.iter().map(|fan| {
        let checkout = &checkout;
        async move {
            for round in 0..15 {
                checkout.hold(fan, &format!("more-{round}"), &[3]).await.ok(409);
                checkout.hold(fan, &format!("other-{round}"), &[1, 1]).await.ok(409);
                checkout.hold(fan, &format!("same-{round}"), &[2]).await.ok(201);
            }
        }
    }));
    let grabbing = async {
        for attempt in 0..150 {
            let answer = checkout.hold(&rival, &format!("grab-{attempt}"), &[1]).await;
            assert_eq!(answer.problem(), "sold-out", "a ticket came free in between");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::join!(changing, grabbing);
    assert_eq!(checkout.free().await, 0);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_session_at_once_leave_one_hold() {
    let checkout = TestCheckout::with(Plan { stock: vec![(8, 2)], ..Plan::default() }).await;
    let session = checkout.session().await;
    checkout.hold(&session, "first", &[2]).await.ok(201);
    for round in 0..5 {
        let asked = (0..8).map(|call| {
            let (checkout, session) = (&checkout, &session);
            async move { checkout.hold(session, &format!("{round}-{call}"), &[1 + call % 4]).await }
        });
        let answers = join_all(asked).await;
        assert!(answers.iter().any(|answer| answer.status == 201), "{answers:?}");
    }
    let last = checkout.hold(&session, "last", &[3]).await.ok(201).text_of("hold");
    assert_eq!(checkout.free().await, 5, "nothing is held that nobody knows of");
    checkout.order(&session, "o", &last).await.ok(201);
    checkout.check().await;
}

/// An attempt that came as far as the first kind of tickets, and whose process then died, had used
/// what the earlier hold had.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_died_half_way_and_is_refused_then_leaves_what_was_held() {
    let checkout =
        TestCheckout::with(Plan { stock: vec![(2, 1), (1, 1)], ..Plan::default() }).await;
    let (mine, rival) = (checkout.session().await, checkout.session().await);
    let two = checkout.hold(&mine, "a", &[2]).await.ok(201).text_of("hold");
    checkout.hold(&rival, "a", &[0, 1]).await.ok(201);
    let slot = format!("{}.0", checkout.types[0].ticket_type);
    let [holds, held] = ["holds", "held"].map(|kind| checkout.test_env.redis.key(kind, &slot));
    let mut connection = checkout.test_env.redis.connection();
    let earlier: Vec<String> =
        redis::cmd("HKEYS").arg(&held).query_async(&mut connection).await.unwrap();
    let session: uuid::Uuid =
        sqlx::query_scalar("SELECT session FROM checkout.sessions ORDER BY opened_at LIMIT 1")
            .fetch_one(&checkout.test_env.pool)
            .await
            .unwrap();
    let hold = uuid::Uuid::new_v5(&session, b"hold\nb").to_string();
    let _: () = redis::pipe()
        .cmd("HDEL")
        .arg(&held)
        .arg(&earlier)
        .cmd("ZREM")
        .arg(&holds)
        .arg(&earlier)
        .cmd("HSET")
        .arg(&held)
        .arg(&hold)
        .arg(2)
        .cmd("ZADD")
        .arg(&holds)
        .arg(chrono::Utc::now().timestamp_millis() + 60_000)
        .arg(&hold)
        .query_async(&mut connection)
        .await
        .unwrap();

    let refused = checkout.hold(&mine, "b", &[2, 1]).await.ok(409);
    assert!(refused.text_of("detail").ends_with("You keep the 2 tickets you hold."), "{refused:?}");
    assert_eq!(checkout.hold(&rival, "b", &[1]).await.problem(), "sold-out");
    checkout.order(&mine, "o", &two).await.ok(201);
    checkout.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_got_lost_is_found_by_its_key() {
    let mut checkout = TestCheckout::with(Plan { stock: vec![(2, 1)], ..Plan::default() }).await;
    let session = checkout.session().await;
    checkout.hold(&session, "a", &[2]).await.ok(201);
    let script = redis::Script::new(include_str!("../../src/stock/scripts/reserve.lua"));
    let proxy = Proxy::before(&checkout.test_env.redis_url, script.get_hash().to_owned()).await;
    let direct = checkout.reach_redis_by(&proxy.url).await;

    proxy.lose_next();
    let lost = checkout.hold(&session, "b", &[1]).await;
    assert!(proxy.has_lost() && lost.status == 503, "{lost:?}");
    let found = checkout.hold(&session, "b", &[1]).await.ok(201);
    assert_eq!(checkout.hold(&session, "b", &[1]).await.ok(201).body, found.body);
    checkout.test_env.redis = direct;
    assert_eq!(checkout.free().await, 1);
    checkout.order(&session, "o", &found.text_of("hold")).await.ok(201);
    checkout.check().await;
}
