//! Everything that changes something stands in the log: who did it, what to what, what was so
//! before and after. The list of what changes something is the routers' own; a route that is added
//! has to be added here, with what the log tells of it.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::http::StatusCode;
use futures::future::LocalBoxFuture;
use serde_json::{Value, json};
use testkit::ShowBuilder;

use crate::{
    fixtures::{put_reseller, put_ticket},
    routes::routes,
    test_console::{ADMIN, PASSWORD, Reply, TestConsole},
};

const OTHER_PASSWORD: &str = "another long password 2";

/// Which of the two doors is gone through.
#[derive(Clone, Copy, PartialEq)]
enum Audience {
    Api,
    Page,
}
use Audience::{Api, Page};

/// A console with an admin, and names that were not used yet.
struct Setup {
    console: TestConsole,
    admin: String,
    number: AtomicUsize,
}

/// A call that changed something, and what the log must tell of it.
struct Deed {
    answer: Reply,
    who: String,
    action: &'static str,
    target: String,
    /// The part of what was so before that is compared.
    before: Value,
    after: Value,
}

type Deeds = Vec<Deed>;
type Call = for<'a> fn(&'a Setup) -> LocalBoxFuture<'a, Deeds>;

/// Each changing route, and how it is called.
const CALLS: [(&str, Call); 29] = [
    ("POST /v1/admin/sessions", |setup| Box::pin(sign_in(setup, Api))),
    ("POST /admin/sign-in", |setup| Box::pin(sign_in(setup, Page))),
    ("DELETE /v1/admin/sessions/current", |setup| Box::pin(sign_out(setup, Api))),
    ("POST /admin/sign-out", |setup| Box::pin(sign_out(setup, Page))),
    ("PUT /v1/admin/password", |setup| Box::pin(change_password(setup, Api))),
    ("POST /admin/password", |setup| Box::pin(change_password(setup, Page))),
    ("PATCH /v1/admin/rooms/{room}", |setup| Box::pin(steer(setup, Api))),
    ("POST /admin/rooms/{room}/change", |setup| Box::pin(steer(setup, Page))),
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
            let mut deeds = disable(setup, Page).await;
            deeds.extend(reset(setup, Page).await);
            deeds
        })
    }),
];

impl Setup {
    async fn set() -> Self {
        let (console, admin) = TestConsole::with_admin().await;
        Self { console, admin, number: AtomicUsize::default() }
    }

    /// `show1`, `show2`, …
    fn fresh(&self, word: &str) -> String {
        format!("{word}{}", self.number.fetch_add(1, Ordering::Relaxed))
    }

    async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        self.console.api(method, path, Some(&self.admin), body).await
    }

    async fn page(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.page_of(&self.admin, path, fields).await
    }

    /// A form of somebody's session.
    async fn page_of(&self, token: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let csrf = kit::secret::csrf(token);
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        self.console.post(path, &format!("fg_admin={token}"), &fields).await
    }

    /// What the log tells of one request.
    async fn told(&self, answer: &Reply) -> Vec<Value> {
        let request = answer.headers["x-request-id"].to_str().expect("an id").to_owned();
        let rows = "SELECT coalesce(jsonb_agg(to_jsonb(a)), '[]') FROM admin.audit a WHERE \
            request_id = $1";
        let rows: Value = sqlx::query_scalar(rows)
            .bind(request)
            .fetch_one(&self.console.test_env.pool)
            .await
            .expect("rows");
        rows.as_array().expect("rows").clone()
    }
}

impl Deed {
    /// Of the console's admin.
    fn of_admin(
        answer: Reply,
        action: &'static str,
        target: String,
        before: Value,
        after: Value,
    ) -> Deeds {
        vec![Self { answer, who: ADMIN.to_owned(), action, target, before, after }]
    }
}

async fn sign_in(setup: &Setup, door: Audience) -> Deeds {
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
    Deed::of_admin(answer, "sign_in", format!("person {ADMIN}"), before, after)
}

async fn sign_out(setup: &Setup, door: Audience) -> Deeds {
    let token = setup.console.sign_in(ADMIN, PASSWORD).await.body["token"]
        .as_str()
        .expect("token")
        .to_owned();
    let answer = match door {
        Api => setup.console.api("DELETE", "/v1/admin/sessions/current", Some(&token), None).await,
        Page => setup.page_of(&token, "/admin/sign-out", &[]).await,
    };
    let (before, after) = (json!({"signed_in": true}), json!({"signed_in": false}));
    Deed::of_admin(answer, "sign_out", format!("person {ADMIN}"), before, after)
}

async fn change_password(setup: &Setup, door: Audience) -> Deeds {
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
    vec![Deed {
        answer,
        who: email.clone(),
        action: "password.change",
        target: format!("person {email}"),
        before,
        after,
    }]
}

async fn steer(setup: &Setup, door: Audience) -> Deeds {
    let room = setup.fresh("show");
    setup.console.put_room(&setup.admin, &room).await;
    let answer = match door {
        Api => {
            setup
                .api(
                    "PATCH",
                    &format!("/v1/admin/rooms/{room}"),
                    Some(json!({"rate_per_sec": 40.0})),
                )
                .await
        }
        Page => {
            let path = format!("/admin/rooms/{room}/change");
            let cookie = format!("fg_admin={}", setup.admin);
            let preview = setup.console.get(&format!("{path}?rate_per_sec=40"), &cookie).await;
            setup.page(&path, &[("seen", &preview.hidden("seen")), ("rate_per_sec", "40")]).await
        }
    };
    let (before, after) =
        (json!({"rate_per_sec": 25.0, "lanes": 2}), json!({"rate_per_sec": 40.0, "lanes": 2}));
    Deed::of_admin(answer, "room.change", format!("room {room}"), before, after)
}

async fn mark(setup: &Setup, door: Audience) -> Deeds {
    let show = setup.fresh("show");
    setup.console.put_show(&show).await;
    let answer = match door {
        Api => {
            let wish =
                json!({"lanes": 3, "rate_per_sec": 5.0, "max_active": 6, "claim_window_secs": 70});
            setup.api("PUT", &format!("/v1/admin/shows/{show}/high-traffic"), Some(wish)).await
        }
        Page => {
            let path = format!("/admin/shows/{show}/mark");
            let wish = [
                ("lanes", "3"),
                ("rate_per_sec", "5"),
                ("max_active", "6"),
                ("claim_window_secs", "70"),
            ];
            let query: Vec<_> =
                wish.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let cookie = format!("fg_admin={}", setup.admin);
            let preview = setup.console.get(&format!("{path}?{}", query.join("&")), &cookie).await;
            let seen = preview.hidden("seen");
            let fields: Vec<_> = wish.into_iter().chain([("seen", seen.as_str())]).collect();
            setup.page(&path, &fields).await
        }
    };
    let room = json!({"room": show, "lanes": 3, "rate_per_sec": 5.0, "max_active": 6, "claim_window_secs": 70});
    let (before, after) =
        (json!({"high_traffic": false, "room": null}), json!({"high_traffic": true, "room": room}));
    Deed::of_admin(answer, "show.high_traffic", format!("show {show}"), before, after)
}

async fn unmark(setup: &Setup, door: Audience) -> Deeds {
    let show = setup.fresh("show");
    setup.console.put_room(&setup.admin, &show).await;
    let answer = match door {
        Api => setup.api("DELETE", &format!("/v1/admin/shows/{show}/high-traffic"), None).await,
        Page => setup.page(&format!("/admin/shows/{show}/unmark"), &[]).await,
    };
    let (before, after) = (json!({"high_traffic": true}), json!({"high_traffic": false}));
    Deed::of_admin(answer, "show.high_traffic", format!("show {show}"), before, after)
}

async fn withdraw(setup: &Setup, door: Audience) -> Deeds {
    let show = setup.fresh("show");
    setup.console.put_room(&setup.admin, &show).await;
    let answer = match door {
        Api => {
            let body = Some(json!({"reason": "The hall burned down"}));
            setup.api("PUT", &format!("/v1/admin/shows/{show}/withdrawal"), body).await
        }
        Page => {
            let path = format!("/admin/shows/{show}/withdraw");
            let preview = setup.console.get(&path, &format!("fg_admin={}", setup.admin)).await.text;
            assert!(
                preview.contains("Orders stay as they are")
                    && preview.contains("Its room closes for good")
            );
            setup.page(&path, &[("reason", "The hall burned down")]).await
        }
    };
    let (before, after) =
        (json!({"withdrawn": false}), json!({"withdrawn": true, "reason": "The hall burned down"}));
    Deed::of_admin(answer, "show.withdraw", format!("show {show}"), before, after)
}

async fn decide(setup: &Setup, door: Audience) -> Deeds {
    let name = setup.fresh("Nordlys ");
    let id = put_reseller(&setup.console, &name).await;
    let theirs = ShowBuilder::new("").title(&setup.fresh("Of Nordlys "));
    let theirs = theirs.ticket_type("Standing", 5_000).stock(1, 1);
    let (show, _) = theirs.put_for(&setup.console.test_env.pool, id).await;
    let answer = match door {
        Api => {
            let body = json!({"state": "declined", "reason": "Tell us more"});
            setup.api("PATCH", &format!("/v1/admin/resellers/{id}"), Some(body)).await
        }
        Page => {
            setup
                .page(&format!("/admin/resellers/{id}/declined"), &[("reason", "Tell us more")])
                .await
        }
    };
    let heard = answer.headers["x-request-id"].to_str().expect("text").to_owned();
    let told: Vec<String> = sqlx::query_scalar(
        "SELECT request_id FROM catalog.outbox WHERE payload->>'type' = 'sale_changed.v1' AND key \
            = $1",
    )
    .bind(&show)
    .fetch_all(&setup.console.test_env.pool)
    .await
    .expect("rows");
    assert_eq!(told, [heard], "the log and what others hear name one request");
    let before = json!({"state": "pending", "reason": null});
    let after = json!({"state": "declined", "reason": "Tell us more"});
    Deed::of_admin(answer, "reseller.decide", format!("reseller {name} {id}"), before, after)
}

async fn answer(setup: &Setup, door: Audience) -> Deeds {
    let (_, ticket) = put_ticket(&setup.console).await;
    let answer = match door {
        Api => {
            let body = Some(json!({"text": "We look into it."}));
            setup.api("POST", &format!("/v1/admin/support/{ticket}/answers"), body).await
        }
        Page => {
            setup
                .page(&format!("/admin/support/{ticket}/answer"), &[("text", "We look into it.")])
                .await
        }
    };
    let (before, after) = (json!({"state": "open"}), json!({"state": "answered"}));
    Deed::of_admin(answer, "support.answer", format!("support {ticket}"), before, after)
}

async fn close(setup: &Setup, door: Audience) -> Deeds {
    let (_, ticket) = put_ticket(&setup.console).await;
    let answer = match door {
        Api => setup.api("DELETE", &format!("/v1/admin/support/{ticket}"), None).await,
        Page => setup.page(&format!("/admin/support/{ticket}/close"), &[]).await,
    };
    let (before, after) = (json!({"state": "open"}), json!({"state": "closed"}));
    Deed::of_admin(answer, "support.close", format!("support {ticket}"), before, after)
}

async fn refund(setup: &Setup, door: Audience) -> Deeds {
    let (order, ticket) = put_ticket(&setup.console).await;
    let answer = match door {
        Api => {
            setup
                .api(
                    "POST",
                    &format!("/v1/admin/orders/{order}/refund"),
                    Some(json!({"reason": "ill"})),
                )
                .await
        }
        Page => setup.page(&format!("/admin/support/{ticket}/refund"), &[("reason", "ill")]).await,
    };
    let (before, after) =
        (json!({"refund_requested": false}), json!({"refund_requested": true, "reason": "ill"}));
    Deed::of_admin(answer, "order.refund", format!("order {order}"), before, after)
}

async fn renew_link(setup: &Setup, door: Audience) -> Deeds {
    let (order, ticket) = put_ticket(&setup.console).await;
    let answer = match door {
        Api => setup.api("POST", &format!("/v1/admin/orders/{order}/link"), None).await,
        Page => setup.page(&format!("/admin/support/{ticket}/link"), &[]).await,
    };
    let (before, after) = (json!({"links": 1}), json!({"links": 0}));
    Deed::of_admin(answer, "order.link", format!("order {order}"), before, after)
}

async fn add_person(setup: &Setup, door: Audience) -> Deeds {
    let email = format!("{}@example.org", setup.fresh("nora"));
    let answer = match door {
        Api => {
            let body = json!({"email": email, "name": "Nora", "role": "operator", "current_password": PASSWORD});
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
    Deed::of_admin(
        answer,
        "person.add",
        format!("person {email}"),
        Value::Null,
        json!({"role": "operator"}),
    )
}

async fn disable(setup: &Setup, door: Audience) -> Deeds {
    let email = format!("{}@example.org", setup.fresh("nora"));
    let person = setup.console.newcomer(&setup.admin, &email, "operator").await.person;
    let mut deeds = Vec::new();
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
        deeds.extend(Deed::of_admin(
            answer,
            "person.change",
            format!("person {email}"),
            before,
            after,
        ));
    }
    deeds
}

async fn reset(setup: &Setup, door: Audience) -> Deeds {
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
    Deed::of_admin(answer, "password.reset", format!("person {email}"), before, after)
}

/// Whether all that is expected stands in what is told.
fn includes(told: &Value, expected: &Value) -> bool {
    match expected {
        Value::Object(fields) => {
            fields.iter().all(|(name, value)| told.get(name).is_some_and(|of| includes(of, value)))
        }
        other => told == other,
    }
}

/// What is wrong with what the log tells of a deed, if anything.
fn objection(deed: &Deed, told: &[Value]) -> Option<String> {
    if !(deed.answer.status.is_success() || deed.answer.status.is_redirection()) {
        return Some(format!("it was not done: {} {}", deed.answer.status, deed.answer.text));
    }
    let [entry] = told else { return Some(format!("{} entries: {told:?}", told.len())) };
    let named = entry["who"] == deed.who
        && entry["action"] == deed.action
        && entry["target"] == deed.target;
    let (before, after) = (&entry["before"], &entry["after"]);
    let id = deed.answer.headers["x-request-id"].to_str().unwrap_or_default();
    let placed = entry["network"] == "127.0.0.1"
        && entry["request_id"] == id
        && id.parse::<uuid::Uuid>().is_ok();
    let holds = named
        && placed
        && includes(before, &deed.before)
        && includes(after, &deed.after)
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
        for deed in call(&setup).await {
            assert_eq!(objection(&deed, &setup.told(&deed.answer).await), None, "{name}");
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
async fn control_a_deed_that_is_not_in_the_log_is_noticed() {
    let setup = Setup::set().await;
    let [mut deed] = steer(&setup, Api).await.try_into().unwrap_or_else(|_| panic!("one deed"));
    let told = setup.told(&deed.answer).await;
    assert_eq!(objection(&deed, &told), None);
    assert!(objection(&deed, &[]).is_some(), "no entry");
    assert!(objection(&deed, &[told[0].clone(), told[0].clone()]).is_some(), "two entries");
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
        assert!(objection(&deed, &[entry]).is_some(), "{name}");
    }
    // A call that changes nothing leaves no entry.
    let room = deed.target.trim_start_matches("room ").to_owned();
    deed.answer = setup
        .api("PATCH", &format!("/v1/admin/rooms/{room}"), Some(json!({"rate_per_sec": 40.0})))
        .await;
    assert!(objection(&deed, &setup.told(&deed.answer).await).is_some());
}
