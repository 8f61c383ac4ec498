//! Signing in and out, passwords, and people.

use serde_json::{Value, json};

use super::setup::{Api, Audience, ExpectedEntries, ExpectedEntry, Page, Setup};
use crate::test_console::{ADMIN, PASSWORD};

pub const OTHER_PASSWORD: &str = "another long password 2";

pub async fn sign_in(setup: &Setup, door: Audience) -> ExpectedEntries {
    let answer = match door {
        Api => setup.console.sign_in(ADMIN, PASSWORD).await,
        Page => {
            let form = setup.console.get("/admin/sign-in", "").await;
            let cookie = format!("fg_admin_form={}", form.cookie("fg_admin_form").expect("cookie"));
            let fields =
                [("csrf", &*form.hidden("csrf")), ("email", ADMIN), ("password", PASSWORD)];
            setup.console.post("/admin/sign-in", &cookie, &fields).await
        }
    };
    let (before, after) =
        (json!({"signed_in": false}), json!({"signed_in": true, "failed_in_a_row": 0}));
    ExpectedEntry::of_admin(answer, "sign_in", format!("person {ADMIN}"), before, after)
}

pub async fn sign_out(setup: &Setup, door: Audience) -> ExpectedEntries {
    let token = setup.console.sign_in(ADMIN, PASSWORD).await.body["token"]
        .as_str()
        .expect("token")
        .to_owned();
    let answer = match door {
        Api => setup.console.api("DELETE", "/v1/admin/sessions/current", Some(&token), None).await,
        Page => setup.page_of(&token, "/admin/sign-out", &[]).await,
    };
    let (before, after) = (json!({"signed_in": true}), json!({"signed_in": false}));
    ExpectedEntry::of_admin(answer, "sign_out", format!("person {ADMIN}"), before, after)
}

pub async fn change_password(setup: &Setup, door: Audience) -> ExpectedEntries {
    let email = format!("{}@example.org", setup.fresh("nora"));
    let newcomer = setup.console.newcomer(&setup.admin, &email, "operator").await;
    let token = setup.console.settle(&email, &newcomer.one_time).await;
    let answer = match door {
        Api => {
            let body = json!({"current": PASSWORD, "password": OTHER_PASSWORD});
            setup.console.api("PUT", "/v1/admin/password", Some(&token), Some(body)).await
        }
        Page => {
            let fields =
                [("current", PASSWORD), ("password", OTHER_PASSWORD), ("again", OTHER_PASSWORD)];
            setup.page_of(&token, "/admin/password", &fields).await
        }
    };
    let (before, after) =
        (json!({"one_time": false}), json!({"one_time": false, "other_sessions_ended": 0}));
    vec![ExpectedEntry {
        answer,
        who: email.clone(),
        action: "password.change",
        target: format!("person {email}"),
        before,
        after,
    }]
}

pub async fn add_person(setup: &Setup, door: Audience) -> ExpectedEntries {
    let email = format!("{}@example.org", setup.fresh("nora"));
    let answer = match door {
        Api => {
            let body = json!({
                "email": email, "name": "Nora", "role": "operator", "current_password": PASSWORD,
            });
            setup.api("POST", "/v1/admin/people", Some(body)).await
        }
        Page => {
            let fields = [
                ("email", email.as_str()),
                ("name", "Nora"),
                ("role", "operator"),
                ("current", PASSWORD),
            ];
            setup.page("/admin/people", &fields).await
        }
    };
    ExpectedEntry::of_admin(
        answer,
        "person.add",
        format!("person {email}"),
        Value::Null,
        json!({"role": "operator"}),
    )
}

pub async fn disable(setup: &Setup, door: Audience) -> ExpectedEntries {
    let email = format!("{}@example.org", setup.fresh("nora"));
    let person = setup.console.newcomer(&setup.admin, &email, "operator").await.person;
    let mut entries = Vec::new();
    for (disabled, word) in [(true, "disable"), (false, "enable")] {
        let answer = match door {
            Api => {
                let body = Some(json!({"disabled": disabled, "current_password": PASSWORD}));
                setup.api("PATCH", &format!("/v1/admin/people/{person}"), body).await
            }
            Page => {
                setup
                    .page(
                        &format!("/admin/people/{person}"),
                        &[("do", word), ("current", PASSWORD)],
                    )
                    .await
            }
        };
        let (before, after) = (json!({"disabled": !disabled}), json!({"disabled": disabled}));
        entries.extend(ExpectedEntry::of_admin(
            answer,
            "person.change",
            format!("person {email}"),
            before,
            after,
        ));
    }
    entries
}

pub async fn reset(setup: &Setup, door: Audience) -> ExpectedEntries {
    let email = format!("{}@example.org", setup.fresh("nora"));
    let newcomer = setup.console.newcomer(&setup.admin, &email, "operator").await;
    setup.console.settle(&email, &newcomer.one_time).await;
    let answer = match door {
        Api => setup.console.reset(&setup.admin, &newcomer.person).await,
        Page => {
            setup
                .page(
                    &format!("/admin/people/{}", newcomer.person),
                    &[("do", "reset"), ("current", PASSWORD)],
                )
                .await
        }
    };
    let (before, after) =
        (json!({"one_time": false}), json!({"one_time": true, "sessions_ended": 1}));
    ExpectedEntry::of_admin(answer, "password.reset", format!("person {email}"), before, after)
}
