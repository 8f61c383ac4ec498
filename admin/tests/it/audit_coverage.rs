//! Everything that changes something stands in the log: who did it, what to what, what was so
//! before and after. The list of what changes something is the routers' own; a route that is added
//! has to be added here, with what the log tells of it.

mod accounts;
mod sale;
mod setup;
mod support;

use std::collections::BTreeSet;

use axum::http::StatusCode;
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};

use self::{
    accounts::{OTHER_PASSWORD, add_person, change_password, disable, reset, sign_in, sign_out},
    sale::{decide, mark, mix_in, steer, unmark, withdraw},
    setup::{Api, ExpectedEntries, ExpectedEntry, Page, Setup},
    support::{answer, close, refund, renew_link},
};
use crate::{
    routes::routes,
    test_console::{ADMIN, PASSWORD},
};

type Call = for<'a> fn(&'a Setup) -> LocalBoxFuture<'a, ExpectedEntries>;

/// Each changing route, and how it is called.
const CALLS: [(&str, Call); 31] = [
    ("POST /v1/admin/sessions", |setup| Box::pin(sign_in(setup, Api))),
    ("POST /admin/sign-in", |setup| Box::pin(sign_in(setup, Page))),
    ("DELETE /v1/admin/sessions/current", |setup| Box::pin(sign_out(setup, Api))),
    ("POST /admin/sign-out", |setup| Box::pin(sign_out(setup, Page))),
    ("PUT /v1/admin/password", |setup| Box::pin(change_password(setup, Api))),
    ("POST /admin/password", |setup| Box::pin(change_password(setup, Page))),
    ("PATCH /v1/admin/rooms/{room}", |setup| Box::pin(steer(setup, Api))),
    ("POST /admin/rooms/{room}/change", |setup| Box::pin(steer(setup, Page))),
    ("POST /v1/admin/rooms/{room}/entropy", |setup| Box::pin(mix_in(setup, Api))),
    ("POST /admin/rooms/{room}/entropy", |setup| Box::pin(mix_in(setup, Page))),
    ("PUT /v1/admin/shows/{show}/high-traffic", |setup| Box::pin(mark(setup, Api))),
    ("POST /admin/shows/{show}/mark", |setup| Box::pin(mark(setup, Page))),
    ("DELETE /v1/admin/shows/{show}/high-traffic", |setup| Box::pin(unmark(setup, Api))),
    ("POST /admin/shows/{show}/unmark", |setup| Box::pin(unmark(setup, Page))),
    ("PUT /v1/admin/shows/{show}/withdrawal", |setup| Box::pin(withdraw(setup, Api))),
    ("POST /admin/shows/{show}/withdraw", |setup| Box::pin(withdraw(setup, Page))),
    ("PATCH /v1/admin/resellers/{reseller}", |setup| Box::pin(decide(setup, Api))),
    ("POST /admin/resellers/{reseller}/{state}", |setup| Box::pin(decide(setup, Page))),
    ("POST /v1/admin/support/{ticket}/answers", |setup| Box::pin(answer(setup, Api))),
    ("POST /admin/support/{ticket}/answer", |setup| Box::pin(answer(setup, Page))),
    ("DELETE /v1/admin/support/{ticket}", |setup| Box::pin(close(setup, Api))),
    ("POST /admin/support/{ticket}/close", |setup| Box::pin(close(setup, Page))),
    ("POST /v1/admin/orders/{order}/refund", |setup| Box::pin(refund(setup, Api))),
    ("POST /admin/support/{ticket}/refund", |setup| Box::pin(refund(setup, Page))),
    ("POST /v1/admin/orders/{order}/link", |setup| Box::pin(renew_link(setup, Api))),
    ("POST /admin/support/{ticket}/link", |setup| Box::pin(renew_link(setup, Page))),
    ("POST /v1/admin/people", |setup| Box::pin(add_person(setup, Api))),
    ("POST /admin/people", |setup| Box::pin(add_person(setup, Page))),
    ("PATCH /v1/admin/people/{person}", |setup| Box::pin(disable(setup, Api))),
    ("POST /v1/admin/people/{person}/password", |setup| Box::pin(reset(setup, Api))),
    ("POST /admin/people/{person}", |setup| {
        Box::pin(async move {
            let mut entries = disable(setup, Page).await;
            entries.extend(reset(setup, Page).await);
            entries
        })
    }),
];

/// Whether all that is expected stands in what is told.
fn includes(told: &Value, expected: &Value) -> bool {
    match expected {
        Value::Object(fields) => {
            fields.iter().all(|(name, value)| told.get(name).is_some_and(|of| includes(of, value)))
        }
        other => told == other,
    }
}

/// What is wrong with what the log tells, if anything.
fn objection(expected: &ExpectedEntry, told: &[Value]) -> Option<String> {
    if !(expected.answer.status.is_success() || expected.answer.status.is_redirection()) {
        return Some(format!(
            "it was not done: {} {}",
            expected.answer.status, expected.answer.text
        ));
    }
    let [entry] = told else { return Some(format!("{} entries: {told:?}", told.len())) };
    let named = entry["who"] == expected.who
        && entry["action"] == expected.action
        && entry["target"] == expected.target;
    let (before, after) = (&entry["before"], &entry["after"]);
    let id = expected.answer.headers["x-request-id"].to_str().unwrap_or_default();
    let placed = entry["network"] == "127.0.0.1"
        && entry["request_id"] == id
        && id.parse::<uuid::Uuid>().is_ok();
    let holds = named
        && placed
        && includes(before, &expected.before)
        && includes(after, &expected.after)
        && before != after;
    (!holds).then(|| format!("{entry}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_changes_something_is_in_the_log() {
    let setup = Setup::set().await;
    let changing: BTreeSet<String> = routes(&setup.console)
        .iter()
        .filter(|route| route.changes())
        .map(|route| route.name())
        .collect();
    assert_eq!(
        changing,
        CALLS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        "all of them, and no others"
    );
    for (name, call) in CALLS {
        for expected in call(&setup).await {
            assert_eq!(objection(&expected, &setup.told(&expected.answer).await), None, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_fail_at_is_counted_and_not_in_the_log() {
    let setup = Setup::set().await;
    let logged = setup.console.log(&setup.admin).await;
    let form = setup.console.get("/admin/sign-in", "").await;
    let cookie = format!("fg_admin_form={}", form.cookie("fg_admin_form").expect("cookie"));
    let csrf = form.hidden("csrf");
    for email in [ADMIN, "nobody@example.org", "another@example.org"] {
        for _ in 0..2 {
            let api = setup.console.sign_in(email, "a wrong guess 77").await;
            let fields =
                [("csrf", csrf.as_str()), ("email", email), ("password", "a wrong guess 77")];
            let page = setup.console.post("/admin/sign-in", &cookie, &fields).await;
            assert_eq!(
                (api.status, page.status),
                (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED)
            );
        }
    }
    let wrong = json!({"current": "a wrong guess 77", "password": OTHER_PASSWORD});
    let refused = setup.api("PUT", "/v1/admin/password", Some(wrong)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for _ in 0..3 {
        assert_eq!(
            setup.console.sign_in(ADMIN, PASSWORD).await.status,
            StatusCode::TOO_MANY_REQUESTS
        );
    }
    assert_eq!(
        setup.console.log(&setup.admin).await,
        logged,
        "nobody adds to it who has no account"
    );
    let failures = setup.console.failures().await;
    let counted = |kind: &str, account: &str| -> i64 {
        let of = |row: &&(String, String, String, i64)| {
            row.0 == kind && row.1 == "127.0.0.1" && row.2 == account
        };
        failures.iter().filter(of).map(|row| row.3).sum()
    };
    // What was typed may be anything, so accounts only are named.
    assert_eq!(counted("sign_in.refused", ADMIN), 4);
    assert_eq!(counted("sign_in.refused", ""), 8);
    assert_eq!(counted("password.refused", ADMIN), 1);
    assert_eq!(counted("sign_in.blocked", ADMIN), 3);
    assert!(!format!("{failures:?}").contains("nobody@"), "{failures:?}");

    let answer = setup.api("GET", "/v1/admin/security-log", None).await.body;
    let times: i64 = answer["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .filter_map(|one| one["times"].as_i64())
        .sum();
    assert_eq!((times, &answer["next"]), (16, &Value::Null), "{answer}");
    let page = setup.console.get("/admin/security", &format!("fg_admin={}", setup.admin)).await;
    assert!(
        page.text.contains("Wrong password in an open session")
            && page.text.contains("127.0.0.1")
            && page.text.contains("data-own=\"stamp\""),
        "{}",
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn control_an_entry_that_is_not_in_the_log_is_noticed() {
    let setup = Setup::set().await;
    let [mut expected] =
        steer(&setup, Api).await.try_into().unwrap_or_else(|_| panic!("one entry"));
    let told = setup.told(&expected.answer).await;
    assert_eq!(objection(&expected, &told), None);
    assert!(objection(&expected, &[]).is_some(), "no entry");
    assert!(objection(&expected, &[told[0].clone(), told[0].clone()]).is_some(), "two entries");
    for (name, wrong) in [
        ("who", json!("zoe")),
        ("action", json!("x")),
        ("target", json!("x")),
        ("network", json!(null)),
        ("request_id", json!("theirs")),
        ("before", json!(null)),
        ("after", told[0]["before"].clone()),
    ] {
        let mut entry = told[0].clone();
        entry[name] = wrong;
        assert!(objection(&expected, &[entry]).is_some(), "{name}");
    }
    // A call that changes nothing leaves no entry.
    let room = expected.target.trim_start_matches("room ").to_owned();
    expected.answer = setup
        .api("PATCH", &format!("/v1/admin/rooms/{room}"), Some(json!({"rate_per_sec": 40.0})))
        .await;
    assert!(objection(&expected, &setup.told(&expected.answer).await).is_some());
}
