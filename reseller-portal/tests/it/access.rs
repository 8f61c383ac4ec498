//! Who gets in, and how.

use std::time::Duration;

use axum::{
    Extension, Router,
    extract::ConnectInfo,
    http::{Method, StatusCode},
};
use kit::{
    limit::{ClientAddress, Policy, per_client},
    serve::Tasks,
    settings::Settings,
};
use reseller_portal::{
    contract::{self, ResellerState},
    pages::{Audience, Page, pages},
};
use testkit::Client;

use crate::test_portal::{PASSWORD, TestPortal, email};

/// An address whose ids are well formed and nobody's.
fn nowhere(path: &str) -> String {
    let id = "0199c000-0000-7000-8000-000000000000";
    path.replace("{show}", "no-show")
        .replace("{venue}", id)
        .replace("{ticket_type}", id)
        .replace("{order}", id)
        .replace("{key}", id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reseller_signs_up_waits_is_approved_and_may_be_suspended() {
    let portal = TestPortal::new().await;
    let (browser, reseller) = portal.reseller("Quay Tickets", ResellerState::Pending).await;
    assert_eq!(browser.get("/portal").await.sent_to(), "/portal/waiting");
    assert!(browser.read("/portal/waiting").await.contains("A person looks at your account"));
    let entry = contract::reseller(&portal.test_env.pool, reseller.into())
        .await
        .unwrap()
        .expect("an entry");
    assert_eq!(
        (entry.state, entry.contact_email.as_str()),
        (ResellerState::Pending, "quay-tickets@example.com")
    );
    assert!(!format!("{entry:?}").contains('@'));

    portal.decide(reseller, ResellerState::Approved, None).await;
    assert_eq!(browser.get("/portal/waiting").await.sent_to(), "/portal");
    assert!(browser.read("/portal").await.contains("Quay Tickets"));

    portal.decide(reseller, ResellerState::Suspended, Some("Three complaints.")).await;
    assert_eq!(browser.get("/portal/shows").await.sent_to(), "/portal/waiting");
    assert!(browser.read("/portal/waiting").await.contains("Three complaints."));

    let again = portal.browser();
    again.read("/portal/sign-up").await;
    let form = [
        ("company", "QUAY tickets"),
        ("name", "B"),
        ("email", "b@example.com"),
        ("password", PASSWORD),
    ];
    assert!(
        again.post("/portal/sign-up", &form).await.ok(422).text.contains("A company of that name")
    );
    let form = [("company", ""), ("name", "B"), ("email", "b"), ("password", "short")];
    let page = again.post("/portal/sign-up", &form).await.ok(422).text;
    assert_eq!(page.matches("class=\"error\"").count(), 3, "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_and_out_and_neither_the_password_nor_the_token_is_stored() {
    let portal = TestPortal::new().await;
    let (first, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let token = first.client.cookie("fg_portal").unwrap();
    let stored: String = sqlx::query_scalar(
        "SELECT string_agg(s::text, '') || (SELECT \
        string_agg(u::text, '') FROM reseller.users u) FROM reseller.sessions s",
    )
    .fetch_one(&portal.test_env.pool)
    .await
    .unwrap();
    assert!(
        stored.contains("$argon2id$") && !stored.contains(PASSWORD) && !stored.contains(&token)
    );

    first.post("/portal/sign-out", &[]).await;
    assert_eq!(first.get("/portal").await.sent_to(), "/portal/sign-in");
    // The token itself is dead, not only the cookie.
    first.client.set_cookie("fg_portal", Some(&token));
    assert_eq!(first.get("/portal").await.sent_to(), "/portal/sign-in");

    let second = portal.browser();
    second.read("/portal/sign-in").await;
    let form = [("email", "Quay-Tickets@example.com"), ("password", PASSWORD)];
    assert_eq!(second.post("/portal/sign-in", &form).await.sent_to(), "/portal");
    second.read("/portal").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_also_side_by_side() {
    let portal = TestPortal::new().await;
    portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let guesser = portal.browser();
    guesser.read("/portal/sign-in").await;
    let address = email("Quay Tickets");
    let guess = |password: &'static str| {
        let form = [("email", address.as_str()), ("password", password)];
        let guesser = &guesser;
        async move { guesser.post("/portal/sign-in", &form).await.status }
    };
    for _ in 0..4 {
        assert_eq!(guess("wrong wrong wrong").await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    // The fifth and all after it at the same time.
    futures::future::join_all((0..6).map(|_| guess("wrong wrong wrong"))).await;
    let mut redis = portal.test_env.redis.connection();
    let failed: Vec<i64> = redis::cmd("MGET")
        .arg(keys(&portal, "guessed").await)
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(failed, [5, 5], "a blocked account's attempts do not count, and none slipped past");
    assert_eq!(
        guess(PASSWORD).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "the right password waits too"
    );
    redis::cmd("DEL").arg(keys(&portal, "blocked").await).exec_async(&mut redis).await.unwrap();
    assert_eq!(guess(PASSWORD).await, StatusCode::SEE_OTHER);
}

/// What is kept of guesses at the portal's door.
async fn keys(portal: &TestPortal, kind: &str) -> Vec<String> {
    let pattern = format!("{}*{kind}:portal*", portal.test_env.namespace);
    redis::cmd("KEYS")
        .arg(pattern)
        .query_async(&mut portal.test_env.redis.connection())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_keeps_an_account_shut_from_afar() {
    let portal = TestPortal::new().await;
    portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let address = email("Quay Tickets");
    let near = |last: u8| ConnectInfo(std::net::SocketAddr::from(([203, 0, 113, last], 1)));
    let sign_in = async |from: ConnectInfo<std::net::SocketAddr>, password: &str| {
        let browser = portal.browser_at(from);
        browser.read("/portal/sign-in").await;
        browser.post("/portal/sign-in", &[("email", &address), ("password", password)]).await.status
    };
    for _ in 0..5 {
        assert_eq!(sign_in(near(1), "wrong wrong wrong").await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(
        sign_in(near(1), PASSWORD).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        "a guesser's network waits"
    );
    assert_eq!(sign_in(near(2), PASSWORD).await, StatusCode::SEE_OTHER, "its owner's does not");
}

/// What an address sends to a form, without its token.
async fn knock(router: &Router, method: Method, path: &str, address: &str) -> StatusCode {
    let client = Client::of(router);
    let call = client.call(method, path).header("x-forwarded-for", address);
    call.header("content-type", "application/x-www-form-urlencoded").send().await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_tries_many_accounts_is_slowed_down_and_nobody_else() {
    let portal = TestPortal::new().await;
    let env = std::collections::HashMap::new();
    let clients = ClientAddress::from_settings(&mut Settings::new(&env));
    let count = |number| std::num::NonZeroU32::new(number).unwrap();
    let tasks = Tasks::default();
    let limited = |burst| {
        let routers = reseller_portal::router(portal.app.clone());
        let policy = Policy { name: "sign-in", per_second: count(1), burst: count(burst) };
        let entrance = per_client(routers.entrance.split_for_parts().0, policy, &clients, &tasks);
        let proxy = ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
        kit::http::stack(routers.portal.split_for_parts().0.merge(entrance)).layer(Extension(proxy))
    };
    let slow: Vec<_> = pages().into_iter().filter(Page::is_slow).map(|page| page.path).collect();
    assert_eq!(slow, ["/portal/sign-up", "/portal/sign-in", "/portal/password"]);
    for path in &slow {
        let router = limited(1);
        assert_ne!(knock(&router, Method::POST, path, "203.0.113.1").await, 429, "{path}");
        for other in &slow {
            assert_eq!(
                knock(&router, Method::POST, other, "203.0.113.1").await,
                429,
                "{other} after {path}"
            );
        }
        assert_ne!(
            knock(&router, Method::POST, path, "203.0.113.2").await,
            429,
            "{path} of somebody else"
        );
    }
    // What is not guessed at goes on at its own pace.
    let router = limited(1);
    for page in pages().into_iter().filter(|page| !page.is_slow()) {
        for _ in 0..2 {
            let status =
                knock(&router, page.method.clone(), &nowhere(page.path), "203.0.113.1").await;
            assert!(status != 429 && status != 405, "{} {}: {status}", page.method, page.path);
        }
    }
    tasks.stop().cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_all_other_sessions() {
    const NEW: &str = "another long password 8";
    let portal = TestPortal::new().await;
    let (here, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let (other, _) = portal.reseller("Dock Tickets", ResellerState::Approved).await;
    let address = email("Quay Tickets");
    let sign_in = async |password: &str| {
        let browser = portal.browser();
        browser.read("/portal/sign-in").await;
        let answer =
            browser.post("/portal/sign-in", &[("email", &address), ("password", password)]).await;
        (browser, answer.status)
    };
    let (elsewhere, _) = sign_in(PASSWORD).await;
    elsewhere.read("/portal").await;
    assert!(here.read("/portal").await.contains("href=\"/portal/password\""));

    let change = async |current: &str, password: &str, again: &str| {
        here.post(
            "/portal/password",
            &[("current", current), ("password", password), ("again", again)],
        )
        .await
    };
    for (current, password, again, words) in [
        ("not my password 9", NEW, NEW, "That is not your password"),
        (PASSWORD, "short", "short", "12 characters"),
        (PASSWORD, NEW, PASSWORD, "The two are not the same"),
    ] {
        let page = change(current, password, again).await.ok(422).text;
        assert!(
            page.contains(words) && !page.contains(current) && !page.contains(password),
            "{words}: {page}"
        );
    }
    elsewhere.read("/portal").await;

    assert_eq!(change(PASSWORD, NEW, NEW).await.sent_to(), "/portal/password?changed=true");
    assert!(here.read("/portal/password?changed=true").await.contains("Your password is changed"));
    assert_eq!(elsewhere.get("/portal").await.sent_to(), "/portal/sign-in");
    other.read("/portal").await;
    assert_eq!(sign_in(PASSWORD).await.1, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(sign_in(NEW).await.1, StatusCode::SEE_OTHER);

    // Guessing at it counts as it does at the door.
    for _ in 0..5 {
        change("not my password 9", PASSWORD, PASSWORD).await.ok(422);
    }
    change(NEW, PASSWORD, PASSWORD).await.ok(422);
    assert!(!keys(&portal, "blocked").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_is_refused_without_its_token() {
    let portal = TestPortal::new().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let stranger = portal.browser();
    stranger.read("/portal/sign-in").await;
    let other = kit::secret::csrf("somebody else's");
    let mut forms = 0;
    for page in pages().into_iter().filter(|page| page.method == Method::POST) {
        let who = if page.door == Audience::Anyone { &stranger } else { &browser };
        for csrf in [None, Some(""), Some(other.as_str())] {
            let form: Vec<_> = csrf.map(|csrf| ("csrf", csrf)).into_iter().collect();
            let answer = who.send(Method::POST, &nowhere(page.path), Some(&form)).await;
            assert_eq!(
                answer.status,
                StatusCode::FORBIDDEN,
                "{} {csrf:?}: {}",
                page.path,
                answer.text
            );
        }
        forms += 1;
    }
    assert!(forms >= 12, "{forms}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_asks_who_comes() {
    let portal = TestPortal::new().await;
    let (pending, _) = portal.reseller("Quay Tickets", ResellerState::Pending).await;
    let stranger = portal.browser();
    stranger.read("/portal/sign-in").await;
    for page in pages() {
        let form: Option<&[(&str, &str)]> = (page.method == Method::POST).then_some(&[]);
        let path = nowhere(page.path);
        if page.door != Audience::Anyone {
            let answer = stranger.send(page.method.clone(), &path, form).await;
            assert_eq!(answer.sent_to(), "/portal/sign-in", "{}", page.path);
        }
        if page.door == Audience::Approved {
            let answer = pending.send(page.method.clone(), &path, form).await;
            assert_eq!(answer.sent_to(), "/portal/waiting", "{}", page.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_by_itself() {
    let portal = TestPortal::new().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    browser.read("/portal").await;
    sqlx::query("UPDATE reseller.sessions SET expires_at = now() - interval '1 second'")
        .execute(&portal.test_env.pool)
        .await
        .unwrap();
    tokio::time::timeout(Duration::from_secs(5), browser.get("/portal")).await.unwrap().sent_to();
}

/// Makes every session one that was used so many minutes ago.
async fn used_minutes_ago(portal: &TestPortal, minutes: i32) {
    sqlx::query("UPDATE reseller.sessions SET seen_at = now() - make_interval(mins => $1)")
        .bind(minutes)
        .execute(&portal.test_env.pool)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_used_goes_on_and_an_idle_one_ends() {
    let portal = TestPortal::new().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    // Three times most of an hour: each request gives it another whole one.
    for _ in 0..3 {
        used_minutes_ago(&portal, 50).await;
        assert!(browser.read("/portal").await.contains("Quay Tickets"));
        let idle_secs: f64 = sqlx::query_scalar(
            "SELECT extract(epoch FROM now() - seen_at)::float8 FROM reseller.sessions",
        )
        .fetch_one(&portal.test_env.pool)
        .await
        .unwrap();
        assert!(idle_secs < 600.0, "its use was noted: {idle_secs}");
    }
    used_minutes_ago(&portal, 61).await;
    for method in [Method::GET, Method::POST] {
        let answer = browser.send(method, "/portal/password", Some(&[])).await;
        assert_eq!(answer.sent_to(), "/portal/sign-in");
    }
}
