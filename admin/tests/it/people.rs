//! Passwords: an admin gives a one-time one, and everybody changes their own.

use axum::http::StatusCode;
use serde_json::json;

use crate::test_console::{PASSWORD, TestConsole};

const NORA: &str = "nora@example.org";
const OTHER_PASSWORD: &str = "another long password 2";

async fn may_see_rooms(console: &TestConsole, token: &str) -> bool {
    console.api("GET", "/v1/admin/rooms", Some(token), None).await.status == StatusCode::OK
}

async fn token(console: &TestConsole, password: &str) -> String {
    let opened = console.sign_in(NORA, password).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text);
    opened.body["token"].as_str().expect("token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_password_is_good_once_and_ends_all_sessions() {
    let (console, admin) = TestConsole::with_admin().await;
    let newcomer = console.newcomer(&admin, NORA, "operator").await;
    let settled = console.settle(NORA, &newcomer.one_time).await;
    assert!(may_see_rooms(&console, &settled).await);

    let reset = console.reset(&admin, &newcomer.person).await;
    assert_eq!(reset.status, StatusCode::CREATED, "{}", reset.text);
    let one_time = reset.body["one_time_password"].as_str().expect("password").to_owned();
    assert!(!may_see_rooms(&console, &settled).await, "whoever knew the old one is out");
    assert_eq!(console.sign_in(NORA, PASSWORD).await.problem(), "sign-in-refused");
    let stored: String =
        sqlx::query_scalar("SELECT password_hash FROM admin.users WHERE email = $1")
            .bind(NORA)
            .fetch_one(&console.test_env.pool)
            .await
            .expect("row");
    assert!(stored.starts_with("$argon2id$") && !stored.contains(&one_time), "{stored}");
    let settled = console.settle(NORA, &one_time).await;
    assert!(may_see_rooms(&console, &settled).await);
    assert_eq!(
        console.sign_in(NORA, &one_time).await.problem(),
        "sign-in-refused",
        "it was replaced"
    );

    let nobody = uuid::Uuid::now_v7().to_string();
    assert_eq!(console.reset(&admin, &nobody).await.problem(), "person-unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_a_one_time_password_this_once() {
    let (console, admin) = TestConsole::with_admin().await;
    let newcomer = console.newcomer(&admin, NORA, "operator").await;
    console.settle(NORA, &newcomer.one_time).await;
    let cookie = format!("fg_admin={admin}");
    let csrf = kit::secret::csrf(&admin);
    let path = format!("/admin/people/{}", newcomer.person);
    let page = console
        .post(&path, &cookie, &[("csrf", &csrf), ("do", "reset"), ("current", PASSWORD)])
        .await;
    let shown = page
        .text
        .split_once("<code>")
        .and_then(|(_, rest)| rest.split_once("</code>"))
        .expect("a password")
        .0;
    assert!(page.text.contains(&format!("One-time password for {NORA}")));
    assert!(!console.get("/admin/people", &cookie).await.text.contains(shown), "not shown again");
    console.settle(NORA, shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_changes_their_own_password_and_their_other_sessions_end() {
    let (console, admin) = TestConsole::with_admin().await;
    let newcomer = console.newcomer(&admin, NORA, "operator").await;
    console.settle(NORA, &newcomer.one_time).await;
    let (here, elsewhere) = (token(&console, PASSWORD).await, token(&console, PASSWORD).await);
    let (cookie, csrf) = (format!("fg_admin={here}"), kit::secret::csrf(&here));
    let send = async |current: &str, password: &str, again: &str| {
        let fields = [
            ("csrf", csrf.as_str()),
            ("current", current),
            ("password", password),
            ("again", again),
        ];
        console.post("/admin/password", &cookie, &fields).await
    };
    for (current, password, again, words) in [
        ("not it", OTHER_PASSWORD, OTHER_PASSWORD, "This is not your password."),
        (PASSWORD, OTHER_PASSWORD, "another", "The two are not the same."),
        (PASSWORD, "short", "short", "12"),
        (PASSWORD, PASSWORD, PASSWORD, "Choose another one"),
    ] {
        let refused = send(current, password, again).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        assert!(refused.text.contains(words), "{words}: {}", refused.text);
    }
    assert!(may_see_rooms(&console, &elsewhere).await, "nothing was changed");
    let done = send(PASSWORD, OTHER_PASSWORD, OTHER_PASSWORD).await;
    assert!(
        done.status == StatusCode::OK && done.text.contains("Your password is changed"),
        "{}",
        done.text
    );
    assert!(may_see_rooms(&console, &here).await && !may_see_rooms(&console, &elsewhere).await);
    assert_eq!(console.sign_in(NORA, PASSWORD).await.problem(), "sign-in-refused");
    token(&console, OTHER_PASSWORD).await;
    // The admin's own session is somebody else's.
    assert!(may_see_rooms(&console, &admin).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_on_its_way_does_not_undo_a_reset() {
    let (console, admin) = TestConsole::with_admin().await;
    let newcomer = console.newcomer(&admin, NORA, "operator").await;
    let settled = console.settle(NORA, &newcomer.one_time).await;
    let (mut current, mut token) = (PASSWORD.to_owned(), settled);
    for round in 0..3 {
        let own = format!("a password of my own {round}");
        let body = json!({"current": current, "password": own});
        let (_, reset) = tokio::join!(
            console.api("PUT", "/v1/admin/password", Some(&token), Some(body)),
            console.reset(&admin, &newcomer.person),
        );
        let one_time = reset.body["one_time_password"].as_str().expect("password").to_owned();
        // Whichever came first, an admin who resets a password has locked out whoever knew it.
        let opened = console.sign_in(NORA, &one_time).await;
        assert_eq!(opened.status, StatusCode::CREATED, "{round}: {}", opened.text);
        assert_eq!(console.sign_in(NORA, &own).await.problem(), "sign-in-refused", "{round}");
        token = opened.body["token"].as_str().expect("token").to_owned();
        console.choose_password(&token).await;
        current = PASSWORD.to_owned();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_past_the_question_for_their_own_password_by_resetting_it() {
    let (console, admin) = TestConsole::with_admin().await;
    let people = console.api("GET", "/v1/admin/people", Some(&admin), None).await.body;
    let own = people["people"][0]["person"].as_str().expect("id").to_owned();
    let refused = console.reset(&admin, &own).await;
    assert_eq!(
        (refused.status, refused.problem()),
        (StatusCode::CONFLICT, "password-is-own"),
        "{}",
        refused.text
    );
    let (cookie, csrf) = (format!("fg_admin={admin}"), kit::secret::csrf(&admin));
    let page = console
        .post(&format!("/admin/people/{own}"), &cookie, &[("csrf", &csrf), ("do", "reset")])
        .await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(
        page.text.contains("Change your own password instead") && !page.text.contains("<code>"),
        "{}",
        page.text
    );
    let list = console.get("/admin/people", &cookie).await.text;
    assert!(list.contains("Your password") && !list.contains("value=\"reset\""), "{list}");
    assert!(may_see_rooms(&console, &admin).await, "nothing was done");
    assert_eq!(
        console.sign_in(crate::test_console::ADMIN, PASSWORD).await.status,
        StatusCode::CREATED
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_sign_in_gets_no_password_that_would_not_work() {
    let (console, admin) = TestConsole::with_admin().await;
    let newcomer = console.newcomer(&admin, NORA, "operator").await;
    let path = format!("/v1/admin/people/{}", newcomer.person);
    console.api("PATCH", &path, Some(&admin), Some(json!({"disabled": true}))).await;
    assert_eq!(console.reset(&admin, &newcomer.person).await.problem(), "person-disabled");
    let enable = json!({"disabled": false, "current_password": PASSWORD});
    console.api("PATCH", &path, Some(&admin), Some(enable)).await;
    let given = console.reset(&admin, &newcomer.person).await.body;
    console.settle(NORA, given["one_time_password"].as_str().expect("password")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_reset_reads_by_whom_even_after_somebody_else_used_the_password() {
    let (console, admin) = TestConsole::with_admin().await;
    let newcomer = console.newcomer(&admin, NORA, "operator").await;
    let mut one_time = newcomer.one_time.clone();
    let page_of =
        async |token: &str| console.get("/admin/password", &format!("fg_admin={token}")).await.text;
    let opened = token(&console, &one_time).await;
    assert!(!page_of(&opened).await.contains("was reset"), "a first password is no reset");
    console.choose_password(&opened).await;
    for round in 1..=2 {
        let reset = console.reset(&admin, &newcomer.person).await;
        one_time = reset.body["one_time_password"].as_str().expect("password").to_owned();
        let opened = token(&console, &one_time).await;
        let page = page_of(&opened).await;
        assert!(page.contains("Your password was reset by ada@example.org on <time "), "{page}");
        assert_eq!(page.matches("Reset by ada@example.org").count(), round, "{page}");
        assert_eq!(page.matches("Changed by nora@example.org").count(), round, "{page}");
        // The first time it is the admin who goes on with it. That stands on the page the second
        // time, for Nora to read.
        console.choose_password(&opened).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_session_alone_lets_nobody_in() {
    let (console, admin) = TestConsole::with_admin().await;
    let newcomer = console.newcomer(&admin, NORA, "operator").await;
    let disabled = console.newcomer(&admin, "olga@example.org", "operator").await;
    let (person, out) = (
        format!("/v1/admin/people/{}", newcomer.person),
        format!("/v1/admin/people/{}", disabled.person),
    );
    // Keeping somebody out asks for nothing.
    let done = console.api("PATCH", &out, Some(&admin), Some(json!({"disabled": true}))).await;
    assert_eq!(done.status, StatusCode::NO_CONTENT, "{}", done.text);

    let added = json!({"email": "mallory@example.org", "name": "Mallory", "role": "admin"});
    let doors = [
        ("POST", "/v1/admin/people".to_owned(), added),
        ("PATCH", out, json!({"disabled": false})),
        ("POST", format!("{person}/password"), json!({})),
    ];
    for (method, path, body) in &doors {
        let refused = console.api(method, path, Some(&admin), Some(body.clone())).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", refused.text);
        assert!(refused.text.contains("current_password"), "{path}: {}", refused.text);
    }
    // Whoever knows the password has the wrong guesses forgiven.
    assert_eq!(
        console.sign_in(crate::test_console::ADMIN, PASSWORD).await.status,
        StatusCode::CREATED
    );
    let (cookie, csrf) = (format!("fg_admin={admin}"), kit::secret::csrf(&admin));
    let (person, out) = (
        format!("/admin/people/{}", newcomer.person),
        format!("/admin/people/{}", disabled.person),
    );
    let mallory = [("email", "mallory@example.org"), ("name", "Mallory"), ("role", "admin")];
    let forms: [(&str, &[(&str, &str)]); 3] =
        [("/admin/people", &mallory), (&out, &[("do", "enable")]), (&person, &[("do", "reset")])];
    for (path, fields) in forms {
        let fields: Vec<_> = fields
            .iter()
            .copied()
            .chain([("csrf", csrf.as_str()), ("current", "not it")])
            .collect();
        let refused = console.post(path, &cookie, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", refused.text);
        assert_eq!(
            refused.text.matches("This is not your password.").count(),
            1,
            "{path}: {}",
            refused.text
        );
        assert!(!refused.text.contains("<code>"), "{path}");
    }
    let people = console.api("GET", "/v1/admin/people", Some(&admin), None).await.body;
    let people = people["people"].as_array().expect("people");
    assert_eq!(people.len(), 3, "{people:?}");
    assert!(
        people
            .iter()
            .any(|one| one["email"] == "olga@example.org" && !one["disabled_at"].is_null())
    );
    console.settle(NORA, &newcomer.one_time).await;

    // Guessing here is as slow as at the door.
    let body = json!({"current_password": "not it"});
    let mut last = StatusCode::OK;
    for _ in 0..6 {
        let path = format!("/v1/admin/people/{}/password", newcomer.person);
        last = console.api("POST", &path, Some(&admin), Some(body.clone())).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}
