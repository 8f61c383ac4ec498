//! What a fan sees on the way to a ticket, without scripts.

use chrono::Utc;
use reqwest::StatusCode;
use testkit::{RoomBuilder, eventually};
use uuid::Uuid;

use crate::test_server::{Fan, TestServer, location};

#[tokio::test(flavor = "multi_thread")]
async fn a_fan_buys_tickets_with_forms_alone() {
    let server = TestServer::new().await;
    let fan = server.fan().await;
    let choose = fan.read("/checkout/harbour-lights").await;
    assert!(
        choose.contains("Choose your tickets")
            && choose.contains("€45.00")
            && choose.contains("Floor")
    );
    fan.hold(&[(&server.floor, 2), (&server.balcony, 1)]).await;
    let held = fan.read("/checkout/harbour-lights").await;
    assert!(held.contains("Your tickets are held") && held.contains("€175.00"), "{held}");
    assert!(
        held.contains("2 × Floor") && held.contains("1 × Balcony") && held.contains("Berlin time")
    );

    let wrong = fan
        .post("/checkout/harbour-lights/order", &[("name", "Mira <Vale>"), ("email", "mira")])
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = wrong.text;
    assert!(wrong.contains("Mira &#60;Vale&#62;") && wrong.contains("email-error"), "{wrong}");

    let placed = fan
        .post(
            "/checkout/harbour-lights/order",
            &[("name", "Mira Vale"), ("email", "mira@example.com")],
        )
        .await;
    let page = location(&placed);
    let id: Uuid = page.split(['/', '?']).nth(2).and_then(|id| id.parse().ok()).expect("an id");
    assert!(fan.read(&page).await.contains("Pay €175.00"));
    assert_eq!(location(&fan.get("/checkout/harbour-lights").await), format!("/orders/{id}"));
    assert_eq!(location(&fan.get(&format!("/orders/{id}")).await), page);
    // A second press of the button, or the way back.
    let again = fan
        .post(
            "/checkout/harbour-lights/order",
            &[("name", "Mira Vale"), ("email", "mira@example.com")],
        )
        .await;
    assert_eq!(location(&again), format!("/orders/{id}"));

    server.confirm(&server.intent_of(id).await, "ok").await;
    server.state(id, "fulfilled").await;
    let tickets = fan.read(&page).await;
    assert_eq!(tickets.matches("<article class=\"ticket\"").count(), 3);
    assert_eq!(tickets.matches("aria-label=\"QR code of ticket").count(), 3);
    assert!(tickets.contains("Ticket 3 of 3") && tickets.contains("Pier Hall, Hamburg"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_shown_to_their_owner_and_to_nobody_else() {
    let server = TestServer::new().await;
    let fan = server.fan().await;
    let (order, page) = server.order(&fan, 1).await;
    server.confirm(&server.intent_of(order).await, "ok").await;
    server.state(order, "fulfilled").await;

    let bare = format!("/orders/{order}");
    // The session is over by now; it is still good for looking.
    let link = location(&fan.get(&bare).await);
    assert!(fan.read(&link).await.contains("<article class=\"ticket\""));
    // The link works anywhere; without it nobody else gets in, and a link opens its own order only.
    assert!(server.stranger().read(&page).await.contains("<article class=\"ticket\""));
    assert_eq!(server.stranger().get(&bare).await.status, StatusCode::NOT_FOUND);
    let other = server.fan().await;
    assert_eq!(other.get(&bare).await.status, StatusCode::NOT_FOUND);
    let (_, others_page) = server.order(&other, 1).await;
    let others_key = others_page.split("key=").nth(1).expect("a key");
    assert_eq!(other.get(&format!("{bare}?key={others_key}")).await.status, StatusCode::NOT_FOUND);
    let mut forged = page.clone();
    forged.replace_range(
        page.len() - 20..page.len() - 19,
        if &page[page.len() - 20..page.len() - 19] == "A" { "B" } else { "A" },
    );
    assert_eq!(server.stranger().get(&forged).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn giving_up_an_order_tells_nobody_else_whether_there_is_one() {
    let server = TestServer::new().await;
    let (fan, other) = (server.fan().await, server.fan().await);
    let (order, _) = server.order(&fan, 1).await;
    // Somebody without a session, as is its owner once the session lapsed, and somebody with
    // another.
    for browser in [&server.stranger(), &other] {
        for order in [order, Uuid::new_v4()] {
            let answer = browser.post(&format!("/orders/{order}/cancel"), &[]).await;
            assert_eq!(location(&answer), format!("/orders/{order}"));
        }
    }
    assert_eq!(server.state_now(order).await, "awaiting_payment");
    assert_eq!(
        location(&fan.post(&format!("/orders/{order}/cancel"), &[]).await),
        "/checkout/harbour-lights"
    );
    server.state(order, "cancelled").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_too_late_for_a_ticket_is_told_so_and_keeps_the_place() {
    let server = TestServer::stocked(&[], 2).await;
    let (first, second) = (server.fan().await, server.fan().await);
    // Both see the offer; one is faster.
    let late_form = second.read("/checkout/harbour-lights").await;
    assert!(late_form.contains("Only 2 left"), "{late_form}");
    first.hold(&[(&server.floor, 2)]).await;
    let quantity = format!("q-{}", server.floor.ticket_type);
    let answer = second
        .post("/checkout/harbour-lights/hold", &[("attempt", "a"), (quantity.as_str(), "1")])
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let page = answer.text;
    assert!(
        page.contains("The last tickets of this type are in other fans’ hands: Floor."),
        "{page}"
    );
    assert!(page.contains("You still have your place in checkout."));

    // Given back, they can be had again.
    assert_eq!(
        location(&first.post("/checkout/harbour-lights/give-back", &[]).await),
        "/checkout/harbour-lights"
    );
    assert!(first.read("/checkout/harbour-lights").await.contains("Choose your tickets"));
    let answer = second
        .post("/checkout/harbour-lights/hold", &[("attempt", "b"), (quantity.as_str(), "2")])
        .await;
    assert_eq!(location(&answer), "/checkout/harbour-lights");
    let none = second
        .post("/checkout/harbour-lights/hold", &[("attempt", "c"), (quantity.as_str(), "0")])
        .await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_opens_one_session_also_when_the_answer_was_lost() {
    let server = TestServer::new().await;
    let (pass, fan) = (server.pass(), server.stranger());
    assert_eq!(
        location(&fan.post("/checkout/harbour-lights/enter", &[("pass", &pass)]).await),
        "/checkout/harbour-lights"
    );
    assert_eq!(
        location(&fan.post("/checkout/harbour-lights/enter", &[("pass", &pass)]).await),
        "/checkout/harbour-lights"
    );
    let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM checkout.sessions")
        .fetch_one(&server.app.pool)
        .await
        .expect("a count");
    assert_eq!(sessions, 1);
    // By way of the waiting room's cookie, with nothing in the form.
    let by_cookie = server.stranger();
    let cookie = format!("fg_pass_harbour-lights={}", server.pass());
    let enter = server.client.post("/checkout/harbour-lights/enter");
    let answer = enter.header("accept", "text/html").header("cookie", &cookie).send().await;
    assert_eq!(location(&answer), "/checkout/harbour-lights");
    let cookies: Vec<_> = answer.cookies().collect();
    assert!(cookies.iter().any(|cookie| cookie.starts_with("fg_session_harbour-lights=v4.local.")
        && cookie.contains("HttpOnly; SameSite=Lax")));
    assert!(cookies.iter().any(
        |cookie| cookie.starts_with("fg_pass_harbour-lights=;") && cookie.contains("Max-Age=0")
    ));
    assert_eq!(by_cookie.get("/checkout/harbour-lights").await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        by_cookie
            .post("/checkout/harbour-lights/enter", &[("pass", "v4.public.forged")])
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_checkout_keeps_the_turn() {
    let server = TestServer::new().await;
    let gate = RoomBuilder::new("r").max_active(1);
    gate.gate(&server.app.pool, &server.test_env.redis).await;
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    let (first, second) = (server.fan().await, server.stranger());
    let pass = server.pass();
    let full = second.post("/checkout/harbour-lights/enter", &[("pass", &pass)]).await;
    assert_eq!(full.status, StatusCode::SERVICE_UNAVAILABLE);
    let full = full.text;
    // Nobody let this one in through a line, so no turn is kept; the pass is good all the same.
    assert!(full.contains("Checkout is full for a moment") && full.contains(&pass), "{full}");
    let (order, _) = server.order(&first, 1).await;
    server.confirm(&server.intent_of(order).await, "ok").await;
    server.state(order, "fulfilled").await;
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(
        location(&second.post("/checkout/harbour-lights/enter", &[("pass", &pass)]).await),
        "/checkout/harbour-lights"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_ran_out_says_what_happened_and_one_can_be_given_up() {
    let server = TestServer::with(&[("FAIRGATE_ORDER_GRACE_SECS", "0")]).await;
    let fan = server.fan().await;
    let (order, page) = server.order(&fan, 2).await;
    server.overdue(order).await;
    server.state(order, "expired").await;
    let expired = fan.read(&page).await;
    assert!(
        expired.contains("ran out of time") && expired.contains("Nothing was charged"),
        "{expired}"
    );
    assert!(server.stranger().read(&page).await.contains("/queue/harbour-lights"));
    // The place in checkout went with it.
    let outside = eventually("the session is over", || async {
        let page = fan.read(&page).await;
        (!page.contains("Choose tickets again")).then_some(page)
    });
    assert!(outside.await.contains("/queue/harbour-lights"));

    // Whoever gives an order up is still in checkout, and may choose again.
    let fan = server.fan().await;
    let (again, page) = server.order(&fan, 1).await;
    assert_eq!(
        location(&fan.post(&format!("/orders/{again}/cancel"), &[]).await),
        "/checkout/harbour-lights"
    );
    server.state(again, "cancelled").await;
    assert!(fan.read(&page).await.contains("You gave this order up"));
    assert!(fan.read("/checkout/harbour-lights").await.contains("Choose your tickets"));
    // Paid at the provider in the last moment: the money goes back.
    server.confirm(&server.intent_of(again).await, "ok").await;
    server.state(again, "refunded").await;
    assert!(fan.read(&page).await.contains("went back to you"));
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_and_webhooks_that_cannot_be_read_are_refused_by_name() {
    let server = TestServer::new().await;
    let fan = server.fan().await;
    let json = server.client.post("/checkout/harbour-lights/order").json(&serde_json::json!({}));
    assert_eq!(json.send().await.problem(), "unsupported-media-type");
    let large = vec![b'a'; 70_000];
    let webhook = server.client.post("/v1/payments/webhooks/sandbox").body(large);
    let answer = webhook.send().await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.problem(), "body-too-large");
    drop(fan);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_ran_out_says_so_once_and_without_scripts() {
    let server = TestServer::with(&[("FAIRGATE_HOLD_SECS", "4")]).await;
    let fan = server.fan().await;
    fan.hold(&[(&server.floor, 1)]).await;
    let held = fan.read("/checkout/harbour-lights").await;
    assert!(
        held.contains("Your tickets are held") && held.contains("data-over=\"Your hold ran out."),
        "{held}"
    );
    assert!(held.contains(" from when this page was loaded</noscript>"), "{held}");
    assert!(held.contains("; url=/checkout/harbour-lights\""), "{held}");
    let after = once_nothing_is_held(&fan).await;
    assert!(
        after.contains("Choose your tickets") && after.contains("Your hold ran out."),
        "{after}"
    );
    assert!(
        !fan.read("/checkout/harbour-lights").await.contains("Your hold ran out."),
        "it is news once"
    );
    // What was given back did not run out.
    fan.hold(&[(&server.floor, 1)]).await;
    assert_eq!(
        location(&fan.post("/checkout/harbour-lights/give-back", &[]).await),
        "/checkout/harbour-lights"
    );
    tokio::time::sleep(std::time::Duration::from_millis(4_200)).await;
    assert!(!fan.read("/checkout/harbour-lights").await.contains("Your hold ran out."));
}

/// The first page that does not show what is held.
async fn once_nothing_is_held(fan: &Fan) -> String {
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let page = fan.read("/checkout/harbour-lights").await;
        if !page.contains("Your tickets are held") {
            return page;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_page_names_the_mail_that_comes() {
    let server = TestServer::new().await;
    let fan = server.fan().await;
    let (order, page) = server.order(&fan, 2).await;
    assert!(fan.read(&page).await.contains("come by mail to mira@example.com"));
    server.confirm(&server.intent_of(order).await, "ok").await;
    server.state(order, "fulfilled").await;
    let tickets = fan.read(&page).await;
    assert!(
        tickets.contains("They also come by mail to <strong>mira@example.com</strong>"),
        "{tickets}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_changed_without_being_given_back() {
    let server = TestServer::stocked(&[], 4).await;
    let (fan, other) = (server.fan().await, server.fan().await);
    fan.hold(&[(&server.floor, 2)]).await;
    other.hold(&[(&server.floor, 2)]).await;
    let held = fan.read("/checkout/harbour-lights").await;
    assert!(held.contains("href=\"/checkout/harbour-lights?change=1\""), "{held}");
    let changing = "/checkout/harbour-lights?change=1";
    // What is left is looked up twice a second.
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let page = fan.read(changing).await;
    assert!(
        page.contains("None left beyond the 2 you hold") && page.contains("You hold 2 tickets"),
        "{page}"
    );

    let refused = fan.choose_at(changing, &[(&server.floor, 3)]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let refused = refused.text;
    assert!(
        refused.contains("Not enough of Floor are free. You keep your 2 tickets."),
        "{refused}"
    );
    assert!(fan.read("/checkout/harbour-lights").await.contains("2 × Floor"));
    assert_eq!(
        location(&fan.choose_at(changing, &[(&server.floor, 1)]).await),
        "/checkout/harbour-lights"
    );
    assert!(fan.read("/checkout/harbour-lights").await.contains("1 × Floor"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_shows_in_one_browser_leave_each_other_alone() {
    let server = TestServer::new().await;
    let [front, _] = server.another("night-train", "Night Train").await;
    let fan = server.fan().await;
    fan.hold(&[(&server.floor, 2)]).await;
    let entered = fan
        .post("/checkout/night-train/enter", &[("pass", &server.pass_for("night-train", 120))])
        .await;
    assert_eq!(location(&entered), "/checkout/night-train");
    assert!(fan.read("/checkout/night-train").await.contains("Night Train"));
    let first = fan.read("/checkout/harbour-lights").await;
    assert!(
        first.contains("2 × Floor") && first.contains("Harbour Lights"),
        "the first goes on: {first}"
    );

    let both = fan.read("/checkout").await;
    assert!(
        both.contains("Go on with Harbour Lights") && both.contains("Go on with Night Train"),
        "{both}"
    );
    assert_eq!(
        location(&fan.choose_at("/checkout/night-train", &[(&front, 1)]).await),
        "/checkout/night-train"
    );
    let buyer = [("name", "Mira Vale"), ("email", "mira@example.com")];
    let orders = [
        location(&fan.post("/checkout/night-train/order", &buyer).await),
        location(&fan.post("/checkout/harbour-lights/order", &buyer).await),
    ];
    for (page, title) in orders.iter().zip(["Night Train", "Harbour Lights"]) {
        assert!(fan.read(page).await.contains(title), "{page}");
        // By the cookie alone, too.
        assert!(
            location(&fan.get(page.split('?').next().unwrap_or_default()).await).contains("key=")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_outside_is_led_on_and_not_round() {
    let server = TestServer::with(&[("FAIRGATE_SESSION_SECS", "2")]).await;
    let pass = server.pass();
    let fan = server.stranger();
    assert_eq!(
        location(&fan.post("/checkout/harbour-lights/enter", &[("pass", &pass)]).await),
        "/checkout/harbour-lights"
    );
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    // The session has lapsed, and its cookie with it.
    let outside = fan.get("/checkout/harbour-lights").await;
    assert_eq!(outside.status, StatusCode::FORBIDDEN);
    let outside = outside.text;
    assert!(outside.contains("href=\"/queue/harbour-lights\""), "{outside}");
    // The pass is still good by its date, and used; and one that came too late.
    for pass in [pass, server.pass_for("harbour-lights", -1)] {
        let answer = fan.post("/checkout/harbour-lights/enter", &[("pass", &pass)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        let page = answer.text;
        let anew = "action=\"/queue/harbour-lights/join\"><input type=\"hidden\" name=\"again\"";
        assert!(page.contains(anew) && page.contains("Join the line again"), "{page}");
    }
    assert_eq!(fan.get("/checkout/Not;A=slug").await.status, StatusCode::NOT_FOUND);
    assert_eq!(location(&server.fan().await.get("/checkout").await), "/checkout/harbour-lights");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_show_has_begun_pages_say_so() {
    let server = TestServer::new().await;
    let fan = server.fan().await;
    fan.hold(&[(&server.floor, 1)]).await;
    server
        .change_show(|show| {
            show.doors_at = Utc::now() - chrono::Duration::hours(1);
            show.starts_at = Utc::now() - chrono::Duration::seconds(1);
        })
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    let late = server.pass();
    let buyer = [("name", "Mira Vale"), ("email", "mira@example.com")];
    for answer in [
        fan.get("/checkout/harbour-lights").await,
        fan.post("/checkout/harbour-lights/order", &buyer).await,
        server.stranger().post("/checkout/harbour-lights/enter", &[("pass", &late)]).await,
    ] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        let page = answer.text;
        assert!(page.contains("The show has begun") && !page.contains("/queue/"), "{page}");
    }
}
