//! Signing in: one-time passwords, guessing, forms of others.

use admin::contract::create_first_admin;
use axum::http::{StatusCode, header};
use serde_json::json;

use crate::test_console::{ADMIN, PASSWORD, TestConsole};

#[tokio::test]
async fn a_one_time_password_must_be_replaced_before_anything_else() {
    let console = TestConsole::new().await;
    let one_time = create_first_admin(&console.test_env.pool, ADMIN)
        .await
        .expect("admin")
        .expect("the first")
        .password;
    let signed_in = console.sign_in(ADMIN, &one_time).await.body;
    assert_eq!(signed_in["must_change_password"], true);
    let token = signed_in["token"].as_str().expect("token");
    let refused = console.api("GET", "/v1/admin/rooms", Some(token), None).await;
    assert_eq!(
        (refused.status, refused.problem()),
        (StatusCode::FORBIDDEN, "password-change-needed")
    );
    let page = console.get("/admin", &format!("fg_admin={token}")).await;
    assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, "/admin/password"));
    for bad in [
        json!({"password": "short"}),
        json!({"password": one_time}),
        json!({"current": one_time, "password": one_time}),
    ] {
        let refused = console.api("PUT", "/v1/admin/password", Some(token), Some(bad)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    }
    assert_eq!(
        console.sign_in(ADMIN, &one_time).await.problem(),
        "sign-in-refused",
        "it is good once"
    );
    assert_eq!(
        console.api("GET", "/v1/admin/rooms", Some(token), None).await.problem(),
        "password-change-needed"
    );
    console.choose_password(token).await;
    assert_eq!(
        console.api("GET", "/v1/admin/rooms", Some(token), None).await.status,
        StatusCode::OK
    );
    assert_eq!(console.sign_in(ADMIN, &one_time).await.problem(), "sign-in-refused");
}

#[tokio::test]
async fn a_one_time_password_ends_after_a_day() {
    let (console, admin) = TestConsole::with_admin().await;
    for (age, good) in [("23 hours 59 minutes", true), ("24 hours", false)] {
        let email = format!("nora{good}@example.org");
        let newcomer = console.newcomer(&admin, &email, "operator").await;
        sqlx::query(
            "UPDATE admin.users SET one_time_ends_at = one_time_ends_at - $2::interval \
            WHERE email = $1",
        )
        .bind(&email)
        .bind(age)
        .execute(&console.test_env.pool)
        .await
        .expect("update");
        let opened = console.sign_in(&email, &newcomer.one_time).await;
        assert_eq!(opened.status == StatusCode::CREATED, good, "{age}: {}", opened.text);
    }
}

#[tokio::test]
async fn a_newcomer_chooses_a_password_on_the_page_without_repeating_the_first() {
    let (console, admin) = TestConsole::with_admin().await;
    let newcomer = console.newcomer(&admin, "nora@example.org", "operator").await;
    let opened = console.sign_in("nora@example.org", &newcomer.one_time).await.body;
    let cookie = format!("fg_admin={}", opened["token"].as_str().expect("token"));
    let page = console.get("/admin/password", &cookie).await;
    assert!(!page.text.contains("name=\"current\""), "{}", page.text);
    let csrf = page.hidden("csrf");
    let fields = [("csrf", csrf.as_str()), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(console.post("/admin/password", &cookie, &fields).await.location(), "/admin");
    assert!(console.get("/admin/password", &cookie).await.text.contains("name=\"current\""));
    let without = console
        .post("/admin/password", &cookie, &[("csrf", &csrf), ("password", "x".repeat(12).as_str())])
        .await;
    assert_eq!(
        without.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "only a one-time password is not asked for"
    );
}

#[tokio::test]
async fn a_lost_first_password_is_replaced_by_another_until_the_admin_has_chosen_one() {
    let console = TestConsole::new().await;
    let make =
        async |email: &str| create_first_admin(&console.test_env.pool, email).await.expect("asked");
    let lost = make(ADMIN).await.expect("the first").password;
    let session =
        console.sign_in(ADMIN, &lost).await.body["token"].as_str().expect("token").to_owned();
    let again = make("b@example.org").await.expect("another");
    assert_eq!((again.email.as_str(), again.password == lost), (ADMIN, false), "only one is first");
    assert_eq!(console.sign_in(ADMIN, &lost).await.problem(), "sign-in-refused");
    assert_eq!(
        console.api("GET", "/v1/admin/rooms", Some(&session), None).await.problem(),
        "admin-session-needed"
    );
    let token = console.settle(ADMIN, &again.password).await;
    assert!(make(ADMIN).await.is_none(), "there is an admin who can sign in");
    let reset = console
        .log(&token)
        .await
        .into_iter()
        .find(|entry| entry["action"] == "password.reset")
        .expect("logged");
    assert_eq!(
        (&reset["who"], &reset["target"]),
        (&json!("set-up"), &json!(format!("person {ADMIN}")))
    );
}

#[tokio::test]
async fn guessing_is_blocked_alike_with_and_without_an_account() {
    let (console, token) = TestConsole::with_admin().await;
    let disabled = console.operator(&token).await;
    let people = console.api("GET", "/v1/admin/people", Some(&token), None).await.body;
    let olga = people["people"]
        .as_array()
        .expect("people")
        .iter()
        .find(|one| one["name"] == "Olga")
        .expect("Olga");
    let path = format!("/v1/admin/people/{}", olga["person"].as_str().expect("id"));
    let done = console.api("PATCH", &path, Some(&token), Some(json!({"disabled": true}))).await;
    assert_eq!(done.status, StatusCode::NO_CONTENT);
    assert_eq!(
        console.api("GET", "/v1/admin/rooms", Some(&disabled), None).await.status,
        StatusCode::UNAUTHORIZED
    );

    let mut answers = Vec::new();
    for email in [ADMIN, "nobody@example.org", "olga@example.org"] {
        let mut seen = Vec::new();
        for _ in 0..6 {
            let answer = console.sign_in(email, "a wrong password").await;
            seen.push((answer.status, answer.text.replace(char::is_numeric, "")));
        }
        answers.push(seen);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    assert_eq!(answers[0][4].0, StatusCode::UNAUTHORIZED);
    assert_eq!(answers[0][5].0, StatusCode::TOO_MANY_REQUESTS);
    // The right password does not get past the block, and the answer says when to try again.
    let blocked = console.sign_in(ADMIN, PASSWORD).await;
    assert_eq!(blocked.problem(), "sign-in-blocked");
    let secs: u64 =
        blocked.headers[header::RETRY_AFTER].to_str().expect("text").parse().expect("seconds");
    assert!((1..=30).contains(&secs), "{secs}");
    let times = |kind: &str, rows: &[(String, String, String, i64)]| -> i64 {
        rows.iter().filter(|row| row.0 == kind).map(|row| row.3).sum()
    };
    let failures = console.failures().await;
    assert_eq!((times("sign_in.refused", &failures), times("sign_in.blocked", &failures)), (15, 4));
    console.end_blocks().await;
    assert_eq!(console.sign_in(ADMIN, PASSWORD).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn guesses_sent_side_by_side_do_not_get_past_the_block() {
    let (console, _) = TestConsole::with_admin().await;
    let guesses = (0..12).map(|_| console.sign_in(ADMIN, "a wrong password"));
    let answers = futures::future::join_all(guesses).await;
    let tried = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    let busy =
        answers.iter().filter(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE).count();
    // Whom a busy machine tells to come again had no guess, and blocked nobody.
    assert!(tried == 5 || (tried < 5 && busy > 0), "{tried} guesses, {busy} told to come again");
}

#[tokio::test]
async fn a_browser_signs_in_and_forms_of_others_are_refused() {
    let (console, _) = TestConsole::with_admin().await;
    let form = console.get("/admin/sign-in", "").await;
    let secret = form.cookie("fg_admin_form").expect("cookie");
    let (cookie, csrf) = (format!("fg_admin_form={secret}"), form.hidden("csrf"));
    let fields = [("csrf", csrf.as_str()), ("email", ADMIN), ("password", PASSWORD)];
    for other in ["", "fg_admin_form=fgf_another"] {
        assert_eq!(
            console.post("/admin/sign-in", other, &fields).await.status,
            StatusCode::FORBIDDEN
        );
    }
    let wrong = console
        .post("/admin/sign-in", &cookie, &[fields[0], fields[1], ("password", "wrong")])
        .await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.text.contains("The address or the password is not right"), "{}", wrong.text);
    let signed_in = console.post("/admin/sign-in", &cookie, &fields).await;
    assert_eq!((signed_in.status, signed_in.location()), (StatusCode::SEE_OTHER, "/admin"));
    let set = signed_in
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .next()
        .expect("cookie")
        .to_str()
        .expect("text");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    let token = signed_in.cookie("fg_admin").expect("cookie");
    let stored: Vec<Vec<u8>> = sqlx::query_scalar("SELECT token_hash FROM admin.sessions")
        .fetch_all(&console.test_env.pool)
        .await
        .expect("rows");
    assert!(
        stored.iter().all(|hash| hash.as_slice() != token.as_bytes()),
        "only hashes are stored"
    );

    let session = format!("fg_admin={token}");
    let account = console.get("/admin/password", &session).await;
    for csrf in ["", "made-up", csrf.as_str()] {
        let refused = console.post("/admin/sign-out", &session, &[("csrf", csrf)]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{csrf}");
    }
    assert_eq!(console.get("/admin", &session).await.status, StatusCode::OK, "still signed in");
    let out = console.post("/admin/sign-out", &session, &[("csrf", &account.hidden("csrf"))]).await;
    assert_eq!(out.location(), "/admin/sign-in");
    assert_eq!(console.get("/admin", &session).await.location(), "/admin/sign-in");
}

#[tokio::test]
async fn sessions_end_when_they_are_old_or_idle() {
    for end in ["seen_at = now() - interval '61 minutes'", "expires_at = now()"] {
        let (console, token) = TestConsole::with_admin().await;
        let statement = format!("UPDATE admin.sessions SET {end}");
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&console.test_env.pool)
            .await
            .expect("update");
        assert_eq!(
            console.api("GET", "/v1/admin/rooms", Some(&token), None).await.problem(),
            "admin-session-needed"
        );
    }
}

#[tokio::test]
async fn a_session_that_is_used_goes_on() {
    let (console, token) = TestConsole::with_admin().await;
    for _ in 0..2 {
        sqlx::query("UPDATE admin.sessions SET seen_at = seen_at - interval '50 minutes'")
            .execute(&console.test_env.pool)
            .await
            .expect("update");
        let answer = console.api("GET", "/v1/admin/rooms", Some(&token), None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

#[tokio::test]
async fn nobody_disables_themselves_or_the_last_admin() {
    let (console, token) = TestConsole::with_admin().await;
    let people = console.api("GET", "/v1/admin/people", Some(&token), None).await.body;
    let path = format!("/v1/admin/people/{}", people["people"][0]["person"].as_str().expect("id"));
    let refused = console.api("PATCH", &path, Some(&token), Some(json!({"disabled": true}))).await;
    assert_eq!(refused.problem(), "admin-needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_lean_on_is_away_is_no_mistake_of_ours_and_tells_of_no_account() {
    let (mut console, token) = TestConsole::with_admin().await;
    console.put_show("s").await;
    let (nowhere, namespace) = ("127.0.0.1:9", console.test_env.namespace.clone());
    let away =
        kit::redis::Redis::connect(&format!("redis://{nowhere}/"), &namespace).expect("an address");
    console.with_servers(away, kit::kafka::Kafka::new(nowhere, &namespace, 1));
    for (email, password) in
        [(ADMIN, PASSWORD), (ADMIN, "a wrong password"), ("nobody@example.org", PASSWORD)]
    {
        let answer = console.sign_in(email, password).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::SERVICE_UNAVAILABLE, "try-again-soon"),
            "{email}"
        );
    }
    let spec =
        json!({"lanes": 2, "rate_per_sec": 25.0, "max_active": 100, "claim_window_secs": 60});
    let marking =
        console.api("PUT", "/v1/admin/shows/s/high-traffic", Some(&token), Some(spec)).await;
    assert_eq!(
        (marking.status, marking.problem()),
        (StatusCode::SERVICE_UNAVAILABLE, "try-again-soon")
    );
}
