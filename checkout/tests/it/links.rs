//! Links to orders: random, revocable, and nobody's but the buyer's.

use std::collections::HashSet;

use checkout::contract::{
    LinkHolder, LinksRenewed, OrderLink, OrderLinks, forget_useless_links, new_order_link,
    renew_order_links,
};
use kit::{
    http::RequestId,
    token::{SealRing, generate_seal_key},
};
use reqwest::StatusCode;
use serde_json::json;
use testkit::Reply;
use uuid::Uuid;

use crate::test_server::{TestServer, location};

/// The link that a page's address carries.
fn link_of(order: Uuid, page: &str) -> OrderLink {
    OrderLink::given(order, page.split_once("?key=").expect("a key").1)
}

/// Whether it opens the order where other keys are in use.
async fn opens(server: &TestServer, link: &OrderLink) -> bool {
    let links = OrderLinks::from_paserk(&generate_seal_key().expect("key")).expect("keys");
    links.opens(&server.app.pool, link).await.expect("asked")
}

async fn renew(server: &TestServer, order: Uuid) -> LinksRenewed {
    let mut tx = server.app.pool.begin().await.expect("a transaction");
    let renewed = renew_order_links(&mut tx, order, &RequestId::fresh()).await.expect("renewed");
    tx.commit().await.expect("committed");
    renewed
}

/// A page as a browser gets it that has these cookies and no others.
async fn look(server: &TestServer, path: &str, cookies: &str) -> Reply {
    let call = server.client.get(path).header("accept", "text/html").header("cookie", cookies);
    call.send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_random_outlives_the_key_and_is_stored_as_a_hash() {
    let server = TestServer::new().await;
    let (order, page) = server.order(&server.fan().await, 1).await;
    let link = link_of(order, &page);
    assert!(link.secret().starts_with("fgo_") && link.secret().len() == 47, "256 bits: {page}");
    assert!(opens(&server, &link).await, "under another key");
    assert!(
        !opens(&server, &OrderLink::given(Uuid::now_v7(), link.secret())).await,
        "its own order only"
    );
    let rows: Vec<(Vec<u8>, String)> =
        sqlx::query_as("SELECT secret_hash, order_links::text FROM checkout.order_links")
            .fetch_all(&server.app.pool)
            .await
            .expect("rows");
    assert_eq!(rows.len(), 1);
    assert!(rows[0].0 == kit::secret::hash(link.secret()) && !rows[0].1.contains(link.secret()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_gets_no_secret_and_who_comes_back_from_it_finds_the_order() {
    let server = TestServer::new().await;
    let fan = server.fan().await;
    fan.hold(&[(&server.floor, 1)]).await;
    let placed = fan
        .post(
            "/checkout/harbour-lights/order",
            &[("name", "Mira Vale"), ("email", "mira@example.com")],
        )
        .await;
    let page = location(&placed);
    let order: Uuid = page.split(['/', '?']).nth(2).and_then(|id| id.parse().ok()).expect("an id");
    server.state(order, "awaiting_payment").await;
    let told: String = sqlx::query_scalar("SELECT return_url FROM sandbox.intents")
        .fetch_one(&server.app.pool)
        .await
        .expect("an address");
    assert_eq!(told, format!("{}/orders/{order}", server.base));

    // The session may be over by then, and its cookie gone: the one that knows the order is enough.
    let mut cookies = placed.cookies();
    let known = cookies.find(|cookie| cookie.starts_with("fg_order_")).expect("a cookie");
    assert!(known.contains("HttpOnly; SameSite=Lax"), "{known}");
    let known = known.split(';').next().expect("a value");
    let back = format!("/orders/{order}?redirect_status=succeeded");
    let shown = location(&look(&server, &back, known).await);
    assert_eq!(shown, format!("{page}&redirect_status=succeeded"));
    let shown = look(&server, &shown, known).await;
    assert!(shown.cookies().next().is_none(), "it is known already");
    assert!(shown.text.contains("Confirming your payment"));

    for (status, words) in
        [("succeeded", "are in the mail"), ("failed", "Nothing was charged"), ("x\"", "its link")]
    {
        for id in [order, Uuid::now_v7()] {
            let answer = look(
                &server,
                &format!("/orders/{id}?redirect_status={status}"),
                &format!("fg_order_{id}=fgo_guessed"),
            )
            .await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            let text = answer.text;
            assert!(text.contains(words) && !text.contains("Harbour Lights"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_links_open_nothing_and_say_so() {
    let server = TestServer::new().await;
    let fan = server.fan().await;
    let (order, page) = server.order(&fan, 1).await;
    let letter = new_order_link(&server.app.pool, order, LinkHolder::Email(Uuid::now_v7()))
        .await
        .expect("a link");
    let other =
        new_order_link(&server.app.pool, Uuid::now_v7(), LinkHolder::Page).await.expect("a link");
    assert!(server.stranger().read(&letter.path()).await.contains("Pay €45.00"));
    let renewed = renew(&server, order).await;
    assert!(matches!(renewed, LinksRenewed::Renewed { revoked: 2, .. }), "{renewed:?}");
    for path in [&page, &letter.path()] {
        let gone = server.stranger().get(path).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND);
        assert!(gone.text.contains("This link opens nothing"));
    }
    assert!(opens(&server, &other).await, "another order's");
    let fresh = new_order_link(&server.app.pool, order, LinkHolder::Page).await.expect("a link");
    assert!(opens(&server, &fresh).await);
    // Who bought it gets a link of their own again, with the session that did.
    let again = location(&fan.get(&page).await);
    assert!(again != page && fan.read(&again).await.contains("Pay €45.00"), "{again}");
    assert_eq!(renew(&server, Uuid::now_v7()).await, LinksRenewed::Unknown);
}

/// What links of before were: the order's id, sealed under a key.
fn sealed(keys: &str, order: Uuid) -> OrderLink {
    let ring = SealRing::from_paserk(keys, "fairgate.order.v1").expect("keys");
    OrderLink::given(order, &ring.seal(&json!({ "order": order })).expect("sealed"))
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_links_open_orders_of_their_time_until_the_key_or_the_links_go() {
    let keys = generate_seal_key().expect("key");
    let server = TestServer::with(&[("FAIRGATE_CHECKOUT_KEYS", &keys)]).await;
    let (order, _) = server.order(&server.fan().await, 1).await;
    let link = sealed(&keys, order);
    let refused = server.stranger().get(&link.path()).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "a key makes no link to a new order");
    // As the migration leaves the orders it finds.
    let before = "UPDATE checkout.orders SET sealed_links = true WHERE order_id = $1";
    sqlx::query(before).bind(order).execute(&server.app.pool).await.expect("changed");
    assert!(server.stranger().read(&link.path()).await.contains("Pay €45.00"));
    let other = OrderLink::given(order, sealed(&keys, Uuid::now_v7()).secret());
    assert_eq!(server.stranger().get(&other.path()).await.status, StatusCode::NOT_FOUND);
    assert!(!opens(&server, &link).await, "the key is gone");
    renew(&server, order).await;
    let gone = server.stranger().get(&link.path()).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    assert!(gone.text.contains("Open the link in the newest mail"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_sent_again_and_again_has_few_links_and_takes_none_from_others() {
    let server = TestServer::new().await;
    let (order, page) = server.order(&server.fan().await, 1).await;
    let (one, other) = (LinkHolder::Email(Uuid::now_v7()), LinkHolder::Email(Uuid::now_v7()));
    let kept = new_order_link(&server.app.pool, order, other).await.expect("a link");
    let mut sent = Vec::new();
    for _ in 0..8 {
        sent.push(new_order_link(&server.app.pool, order, one).await.expect("a link"));
    }
    let mut good = Vec::new();
    for link in &sent {
        good.push(opens(&server, link).await);
    }
    assert_eq!(good, [false, false, false, true, true, true, true, true]);
    assert!(opens(&server, &kept).await && opens(&server, &link_of(order, &page)).await);
    assert_eq!(sent.iter().map(OrderLink::secret).collect::<HashSet<_>>().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_order_says_so_and_leads_back_into_checkout_for_who_is_inside() {
    let server = TestServer::new().await;
    let order = Uuid::now_v7();
    let link = new_order_link(&server.app.pool, order, LinkHolder::Page).await.expect("a link");
    assert!(
        server.stranger().read(&link.path()).await.contains("Your tickets are kept for you"),
        "not decided"
    );
    let refuse = "INSERT INTO checkout.refusals (order_id, reason) VALUES ($1, 'stale_epoch')";
    sqlx::query(refuse).bind(order).execute(&server.app.pool).await.expect("refused");

    let outside = server.stranger().read(&link.path()).await;
    assert!(
        outside.contains("This order was not made") && outside.contains("Nothing was charged."),
        "{outside}"
    );
    assert!(!outside.contains(r#"href="/checkout"#) && outside.contains("All shows"), "{outside}");
    let fan = server.fan().await;
    let inside = fan.read(&link.path()).await;
    assert!(inside.contains("This order was not made"), "{inside}");
    assert!(inside.contains(r#"href="/checkout/harbour-lights""#), "{inside}");
    let guessed = server.stranger().get(&format!("/orders/{order}?key=fgo_guessed")).await;
    assert_eq!(guessed.status, StatusCode::NOT_FOUND, "it is nobody else's to know");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_open_nothing_are_forgotten_in_time_and_no_others() {
    let server = TestServer::new().await;
    let (order, page) = server.order(&server.fan().await, 1).await;
    // More of each than one statement looks at, the useless behind those that stay.
    let add = "INSERT INTO checkout.order_links (order_id, secret_hash, holder, created_at, \
        revoked_at)
               SELECT $1, sha256(convert_to($2 || n, 'UTF8')), $2, now() - make_interval(hours => \
               $3),
                      now() - make_interval(days => $4)
               FROM generate_series(1, 1100) n";
    for (of, holder, created_hours, revoked_days) in [
        (order, "in use", 9_000, None),
        (Uuid::now_v7(), "useless", 25, None),
        (Uuid::now_v7(), "perhaps in the log", 23, None),
        (order, "revoked long ago", 8_000, Some(91)),
        (order, "revoked", 8_000, Some(89)),
    ] {
        let added = sqlx::query(add).bind(of).bind(holder).bind(created_hours).bind(revoked_days);
        added.execute(&server.app.pool).await.expect("added");
    }
    forget_useless_links(&server.app.pool).await.expect("forgotten");
    let left: Vec<(String, i64)> = sqlx::query_as(
        "SELECT holder, count(*) FROM checkout.order_links GROUP BY holder ORDER BY holder",
    )
    .fetch_all(&server.app.pool)
    .await
    .expect("links");
    let left: Vec<_> = left.iter().map(|(holder, count)| (holder.as_str(), *count)).collect();
    assert_eq!(
        left,
        [("in use", 1_100), ("page", 1), ("perhaps in the log", 1_100), ("revoked", 1_100)]
    );
    assert!(opens(&server, &link_of(order, &page)).await);
}
