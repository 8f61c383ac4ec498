//! What consoles and reports read.

use catalog::contract::ShowId;
use checkout::contract::{
    Granularity, OrderQuery, OrderState, RefundAsked, SalesQuery, order, orders, request_refund,
    sales, session_counts, stock_counts,
};
use chrono::{TimeDelta, Utc};
use kit::{http::RequestId, paging::Cursor};
use uuid::Uuid;

use crate::test_checkout::{Plan, ROOM, SHOW, TestCheckout, eventually, id};

#[tokio::test(flavor = "multi_thread")]
async fn stock_sessions_orders_and_sales_are_counted() {
    let checkout =
        TestCheckout::with(Plan { stock: vec![(20, 2), (10, 1)], ..Plan::default() }).await;
    let (pool, redis) = (&checkout.test_env.pool, &checkout.test_env.redis);
    let (session, paid) = checkout.bought(&[2, 1]).await;
    checkout.pay(&session, &paid).await;
    let (second, refunded) = checkout.bought(&[1]).await;
    checkout.pay(&second, &refunded).await;
    checkout.bought(&[3]).await;
    checkout.hold(&checkout.session().await, "h", &[4]).await.ok(201);
    let refunded: Uuid = refunded.text_of("order").parse().unwrap();
    let mut connection = pool.acquire().await.unwrap();
    let asked =
        request_refund(&mut connection, refunded, "Asked for.", &RequestId::fresh()).await.unwrap();
    assert_eq!(asked, RefundAsked::Asked);
    eventually("the refund is done", || async {
        (order(pool, refunded).await.unwrap()?.state == OrderState::Refunded).then_some(())
    })
    .await;
    checkout.free().await;

    let counts = stock_counts(pool, redis, &id(SHOW)).await.unwrap();
    let first =
        counts.iter().find(|count| count.ticket_type == checkout.types[0].ticket_type).unwrap();
    assert_eq!((first.allotted, first.sold, first.reserved), (20, 2, 3));
    assert_eq!((first.held, first.free), (Some(4), Some(11)));
    let sessions = session_counts(pool, ROOM).await.unwrap();
    assert_eq!((sessions.opened, sessions.active), (4, 2), "who has paid has left");

    let shows: [ShowId; 1] = [id(SHOW)];
    let query = OrderQuery { shows: &shows, state: None, before: None, limit: 2 };
    let page = orders(pool, &query).await.unwrap();
    assert_eq!((page.len(), page[0].state, page[0].tickets), (2, OrderState::AwaitingPayment, 3));
    let before = Some(Cursor { at: page[1].placed_at, id: page[1].order });
    let rest = orders(pool, &OrderQuery { before, ..query }).await.unwrap();
    assert_eq!(
        rest.iter().map(|row| (row.state, row.tickets)).collect::<Vec<_>>(),
        [(OrderState::Fulfilled, 3)]
    );
    let fulfilled = OrderQuery { state: Some(OrderState::Fulfilled), limit: 9, ..query };
    assert_eq!(orders(pool, &fulfilled).await.unwrap().len(), 1);
    assert!(
        orders(pool, &OrderQuery { shows: &[], ..query }).await.unwrap().is_empty(),
        "of no show there is none"
    );

    let now = Utc::now();
    let (from, to) = (now - TimeDelta::days(1), now + TimeDelta::days(1));
    let query = SalesQuery {
        shows: &shows,
        from,
        to,
        granularity: Granularity::Day,
        time_zone: "Europe/Berlin",
    };
    let rows = sales(pool, &query).await.unwrap();
    let sum = |of: fn(&checkout::contract::SalesRow) -> i64| rows.iter().map(of).sum::<i64>();
    assert_eq!((sum(|row| row.tickets), sum(|row| row.amount.minor)), (4, 5_000));
    assert_eq!((sum(|row| row.refunded_tickets), sum(|row| row.refunded.minor)), (1, 1_000));
    let earlier = SalesQuery { to: from, from: from - TimeDelta::days(1), ..query };
    assert!(sales(pool, &earlier).await.unwrap().is_empty());
    assert!(sales(pool, &SalesQuery { time_zone: "Mars/Olympus", ..query }).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_begins_at_midnight_of_the_zone() {
    let checkout = TestCheckout::new().await;
    let (session, order) = checkout.bought(&[1]).await;
    checkout.pay(&session, &order).await;
    sqlx::query("UPDATE checkout.orders SET paid_at = '2026-11-20T23:30:00Z'")
        .execute(&checkout.test_env.pool)
        .await
        .unwrap();
    let shows: [ShowId; 1] = [id(SHOW)];
    let from = "2026-11-01T00:00:00Z".parse().unwrap();
    let to = "2026-12-01T00:00:00Z".parse().unwrap();
    for (granularity, time_zone, begins) in [
        (Granularity::Day, "Europe/Berlin", "2026-11-20T23:00:00Z"),
        (Granularity::Day, "UTC", "2026-11-20T00:00:00Z"),
        (Granularity::Hour, "Asia/Kolkata", "2026-11-20T23:30:00Z"),
    ] {
        let query = SalesQuery { shows: &shows, from, to, granularity, time_zone };
        let rows = sales(&checkout.test_env.pool, &query).await.unwrap();
        assert_eq!(
            rows[0].starts_at,
            begins.parse::<chrono::DateTime<Utc>>().unwrap(),
            "{time_zone}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_orders_across_shows_leave_none_out_and_repeat_none() {
    let checkout = TestCheckout::new().await;
    let pool = &checkout.test_env.pool;
    // Many at the same moment, so that the ids decide.
    sqlx::query(
        "INSERT INTO checkout.orders (order_id, session, show, hold, state, request_hash, \
            amount_minor, currency, buyer_name,
                                      buyer_email, home_partition, placed_at, expires_at)
         SELECT gen_random_uuid(), gen_random_uuid(), 'show-' || n % 3, gen_random_uuid(),
                CASE WHEN n % 5 = 0 THEN 'expired' ELSE 'fulfilled' END, '', 1, 'EUR', 'A', \
                'a@example.com', 0,
                now() - make_interval(mins => n / 7), now()
         FROM generate_series(1, 60) AS n",
    )
    .execute(pool)
    .await
    .unwrap();
    for (shows, state, count) in [
        (vec!["show-0", "show-1"], None, 40),
        (vec!["show-2", "show-2", "nothing"], None, 20),
        (vec!["show-0", "show-1", "show-2"], Some(OrderState::Expired), 12),
    ] {
        let shows: Vec<ShowId> = shows.into_iter().map(id).collect();
        let mut seen = Vec::new();
        loop {
            let before = seen.last().map(|(at, id)| Cursor { at: *at, id: *id });
            let page =
                orders(pool, &OrderQuery { shows: &shows, state, before, limit: 7 }).await.unwrap();
            seen.extend(page.iter().map(|row| (row.placed_at, row.order)));
            if page.len() < 7 {
                break;
            }
        }
        assert_eq!(seen.len(), count, "{shows:?}");
        assert!(seen.is_sorted_by(|one, next| one > next), "newest first, none twice: {shows:?}");
    }
}
