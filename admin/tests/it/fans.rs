//! Fans and admins about an order: the thread, its bound, the event, the refund.

use admin::contract::{SUPPORT_TOPIC, SupportEvent};
use axum::http::StatusCode;
use checkout::contract::request_refund;
use kit::http::RequestId;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{Consumer, StreamConsumer},
};
use reseller_portal::contract::ResellerState;
use serde_json::json;
use testkit::{Refunds, ResellerBuilder};
use uuid::Uuid;

use crate::{
    fixtures::{put_cancelled_order, put_order, put_reseller, put_ticket, support_path},
    test_console::{TestConsole, eventually},
};

#[tokio::test]
async fn a_fan_writes_and_is_answered_and_the_event_goes_out_once() {
    let (console, token) = TestConsole::with_admin().await;
    let order = put_order(&console).await.order;
    let path = support_path(&console, order).await;
    let other = support_path(&console, Uuid::now_v7()).await;
    let foreign_key = format!("/support/{order}?{}", other.split_once('?').expect("query").1);
    for stranger in
        [format!("/support/{order}"), format!("/support/{order}?key=made-up"), foreign_key]
    {
        assert_eq!(console.get(&stranger, "").await.status, StatusCode::NOT_FOUND, "{stranger}");
        let posted = console.post(&stranger, "", &[("topic", "other"), ("text", "Hello")]).await;
        assert_eq!(posted.status, StatusCode::NOT_FOUND);
    }
    let page = console.get(&path, "").await;
    assert!(
        page.text.contains("€50.00") && !page.text.contains("fay@example.org"),
        "{}",
        page.text
    );
    let empty = console.post(&path, "", &[("topic", "refund"), ("text", " ")]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let sent = console
        .post(&path, "", &[("topic", "refund"), ("text", "I am ill.\r\n<b>Sorry</b>")])
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    console.post(&path, "", &[("topic", "other"), ("text", "Hello?")]).await;
    let tickets = console.api("GET", "/v1/admin/support?state=open", Some(&token), None).await.body;
    assert_eq!(tickets["tickets"].as_array().map(Vec::len), Some(1), "one conversation an order");
    let ticket = tickets["tickets"][0]["ticket"].as_str().expect("id").to_owned();

    let answers = format!("/v1/admin/support/{ticket}/answers");
    let answered =
        console.api("POST", &answers, Some(&token), Some(json!({"text": "Get well soon."}))).await;
    assert_eq!(answered.status, StatusCode::CREATED, "{}", answered.text);
    let message: Uuid = answered.body["message"].as_str().expect("id").parse().expect("uuid");
    let kept = admin::contract::answer(&console.test_env.pool, message)
        .await
        .expect("asked")
        .expect("answer");
    assert_eq!((kept.order, kept.text.as_str()), (order, "Get well soon."));
    let page = console.get(&path, "").await.text;
    assert!(page.contains("Get well soon.") && page.contains("&#60;b&#62;Sorry"), "{page}");

    let event = next_event(&console).await;
    let SupportEvent::Answered { request: told, message: of, order: about, .. } = event;
    assert_eq!((told.to_string(), of, about), (ticket.clone(), message, order));
    eventually("an empty outbox", || async {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM admin.outbox")
            .fetch_one(&console.test_env.pool)
            .await
            .expect("count");
        (left == 0).then_some(())
    })
    .await;

    let cookie = format!("fg_admin={token}");
    for path in ["/admin/support".to_owned(), format!("/admin/support/{ticket}")] {
        assert_eq!(console.get(&path, &cookie).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(
        console
            .api("DELETE", &format!("/v1/admin/support/{ticket}"), Some(&token), None)
            .await
            .status,
        StatusCode::NO_CONTENT
    );
    console.post(&path, "", &[("topic", "other"), ("text", "One more thing")]).await;
    let open = console.api("GET", "/v1/admin/support?state=open", Some(&token), None).await.body;
    assert_ne!(open["tickets"][0]["ticket"], json!(ticket), "a closed ticket stays closed");
}

#[tokio::test]
async fn people_read_names_and_no_slugs_and_times_with_their_zone() {
    let (console, token) = TestConsole::with_admin().await;
    let order = put_order(&console).await.order;
    let path = support_path(&console, order).await;
    let fan = console.get(&path, "").await.text;
    assert!(fan.contains("<dd>A show</dd>") && fan.contains("Oslo time"), "{fan}");
    console.post(&path, "", &[("topic", "other"), ("text", "Hello?")]).await;
    console.put_room(&token, "s").await;
    let cookie = format!("fg_admin={token}");
    let own_time = "data-own=\"stamp\">";
    for (page, parts) in [
        ("/admin/support", ["<td>A show<br>", own_time]),
        ("/admin/audit", ["<th scope=\"col\">When</th>", own_time]),
        ("/admin/rooms/s", ["<h1>A show</h1>", "Mira Vale · Thursday"]),
        ("/admin/shows/s", ["High traffic: A show", "<h1>"]),
        ("/admin/shows", [">Its room<", "A show"]),
        ("/admin/shows/s/withdraw", ["<h1>Withdraw A show</h1>", "Its room closes for good."]),
    ] {
        let text = console.get(page, &cookie).await.text;
        for part in parts {
            assert!(text.contains(part), "{part} on {page}: {text}");
        }
    }
}

async fn next_event(console: &TestConsole) -> SupportEvent {
    let kafka = &console.test_env.kafka;
    eventually("the topic", || async {
        (kafka.partitions(SUPPORT_TOPIC).await.ok()? == 2).then_some(())
    })
    .await;
    let reader: StreamConsumer<kit::kafka::ReaderContext> = kafka.reader().expect("reader");
    let mut list = TopicPartitionList::new();
    for partition in 0..2 {
        list.add_partition_offset(&kafka.name(SUPPORT_TOPIC), partition, Offset::Beginning)
            .expect("partition");
    }
    reader.assign(&list).expect("assigned");
    let read = async {
        loop {
            if let Ok(message) = reader.recv().await {
                return serde_json::from_slice(message.payload().unwrap_or_default())
                    .expect("an event");
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), read).await.expect("an event in time")
}

#[tokio::test]
async fn a_fan_writes_twenty_messages_and_no_more_before_an_answer() {
    let (console, _) = TestConsole::with_admin().await;
    let path = support_path(&console, put_order(&console).await.order).await;
    for number in 0..20 {
        let sent = console
            .post(&path, "", &[("topic", "other"), ("text", &format!("Message {number}"))])
            .await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{number}");
    }
    let refused = console.post(&path, "", &[("topic", "other"), ("text", "One more")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("This conversation is full"), "{}", refused.text);
}

#[tokio::test]
async fn a_refund_is_shown_first_asked_for_once_and_logged() {
    let (console, token) = TestConsole::with_admin().await;
    let order = put_order(&console).await.order;
    console
        .post(&support_path(&console, order).await, "", &[("topic", "refund"), ("text", "Please")])
        .await;
    let tickets = console.api("GET", "/v1/admin/support", Some(&token), None).await.body;
    let page =
        format!("/admin/support/{}/refund", tickets["tickets"][0]["ticket"].as_str().expect("id"));
    let cookie = format!("fg_admin={token}");
    let preview = console.get(&page, &cookie).await;
    assert!(preview.text.contains("€50.00 goes back to whoever paid"), "{}", preview.text);
    assert!(preview.text.contains("Its ticket becomes void"), "{}", preview.text);
    let csrf = preview.hidden("csrf");
    let without = console.post(&page, &cookie, &[("csrf", &csrf), ("reason", "")]).await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        console.post(&page, &cookie, &[("csrf", "made-up"), ("reason", "ill")]).await.status,
        StatusCode::FORBIDDEN
    );
    let asked = console.post(&page, &cookie, &[("csrf", &csrf), ("reason", "ill")]).await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.text);
    let api = format!("/v1/admin/orders/{order}/refund");
    let again = console.api("POST", &api, Some(&token), Some(json!({"reason": "ill"}))).await;
    assert_eq!(
        (again.status, again.body["state"].as_str()),
        (StatusCode::ACCEPTED, Some("already_asked"))
    );
    let log = console.log(&token).await;
    let refunds: Vec<_> = log.iter().filter(|entry| entry["action"] == "order.refund").collect();
    assert_eq!((refunds.len(), &refunds[0]["after"]["reason"]), (1, &json!("ill")));

    let unpaid = put_cancelled_order(&console).await;
    let api = format!("/v1/admin/orders/{unpaid}/refund");
    let refused = console.api("POST", &api, Some(&token), Some(json!({"reason": "ill"}))).await;
    assert_eq!(refused.problem(), "order-not-refundable");
    let api = format!("/v1/admin/orders/{}/refund", Uuid::now_v7());
    assert_eq!(
        console.api("POST", &api, Some(&token), Some(json!({"reason": "ill"}))).await.problem(),
        "order-unknown"
    );
}

#[tokio::test]
async fn resellers_are_decided_about_with_a_reason() {
    let (console, token) = TestConsole::with_admin().await;
    let id = put_reseller(&console, "Nordlys").await;
    let cookie = format!("fg_admin={token}");
    assert!(console.get("/admin/resellers", &cookie).await.text.contains("Nordlys"));
    let preview = console.get(&format!("/admin/resellers/{id}/declined"), &cookie).await;
    let csrf = preview.hidden("csrf");
    let path = format!("/admin/resellers/{id}/declined");
    assert_eq!(
        console.post(&path, &cookie, &[("csrf", &csrf)]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let done = console.post(&path, &cookie, &[("csrf", &csrf), ("reason", "Tell us more")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    let api = format!("/v1/admin/resellers/{id}");
    let approved =
        console.api("PATCH", &api, Some(&token), Some(json!({"state": "approved"}))).await.body;
    assert_eq!(approved["state"], "approved");
    let log = console.log(&token).await;
    assert_eq!(
        (&log[0]["before"]["state"], &log[0]["after"]["state"]),
        (&json!("declined"), &json!("approved"))
    );
    assert_eq!(
        (&log[1]["before"]["state"], &log[1]["after"]["reason"]),
        (&json!("pending"), &json!("Tell us more"))
    );
}

async fn letters(console: &TestConsole, ticket: Uuid) -> i64 {
    let count = "SELECT count(*) FROM admin.audit WHERE action = 'support.answer' AND target = $1";
    sqlx::query_scalar(count)
        .bind(format!("support {ticket}"))
        .fetch_one(&console.test_env.pool)
        .await
        .expect("count")
}

#[tokio::test]
async fn an_answer_sent_twice_is_one_letter() {
    let (console, token) = TestConsole::with_admin().await;
    let (_, ticket) = put_ticket(&console).await;
    let path = format!("/v1/admin/support/{ticket}/answers");
    let client = console.client();
    let send = async |key: Option<&str>, text: &str| {
        let call = client.post(&path).bearer(&token).idempotency_key(key.unwrap_or_default());
        call.json(&json!({ "text": text })).send().await
    };
    let (one, two) =
        tokio::join!(send(Some("k1"), "Get well soon."), send(Some("k1"), "Get well soon."));
    assert_eq!(
        (one.status, two.status),
        (StatusCode::CREATED, StatusCode::CREATED),
        "{} {}",
        one.text,
        two.text
    );
    assert_eq!((&one.body, letters(&console, ticket).await), (&two.body, 1));
    assert_eq!(send(Some("k1"), "Another text.").await.problem(), "idempotency-key-reused");
    assert_eq!(send(Some("not a key"), "Text").await.problem(), "invalid-field");
    assert_ne!(send(Some("k2"), "Get well soon.").await.body, one.body);
    send(None, "Get well soon.").await;
    assert_eq!(letters(&console, ticket).await, 3, "without a key each is another");

    let (page, cookie) = (format!("/admin/support/{ticket}"), format!("fg_admin={token}"));
    let form = console.get(&page, &cookie).await;
    let (csrf, key) = (form.hidden("csrf"), form.hidden("key"));
    let fields = |text| [("csrf", csrf.as_str()), ("key", key.as_str()), ("text", text)];
    for _ in 0..2 {
        let sent =
            console.post(&format!("{page}/answer"), &cookie, &fields("A double click.")).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    }
    assert_eq!(letters(&console, ticket).await, 4);
    let changed =
        console.post(&format!("{page}/answer"), &cookie, &fields("And one thing more.")).await;
    assert_eq!(changed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        changed.text.contains("And one thing more.") && changed.hidden("key") != key,
        "{}",
        changed.text
    );
}

#[tokio::test]
async fn a_refund_that_the_provider_refuses_is_seen_by_admins_and_told_to_fans_without_its_words() {
    let (console, token) = TestConsole::with_admin().await;
    let (order, ticket) = put_ticket(&console).await;
    let (page, cookie) = (format!("/admin/support/{ticket}"), format!("fg_admin={token}"));
    let listed = async |query: &str| {
        let answer =
            console.api("GET", &format!("/v1/admin/refunds{query}"), Some(&token), None).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.body["refunds"].as_array().expect("refunds").clone()
    };
    let (checkout, _) = console.checkout().await;
    let mut tx = checkout.app.pool.begin().await.expect("a transaction");
    let request = RequestId::fresh();
    request_refund(&mut tx, order, "ill", &request).await.expect("asked");
    tx.commit().await.expect("asked");
    eventually("the refund is on its way", async || {
        let text = console.get(&page, &cookie).await.text;
        text.contains("is on its way back").then_some(())
    })
    .await;
    assert!(
        listed("").await.is_empty()
            && console.get("/admin/refunds", &cookie).await.text.contains("No refund fails.")
    );
    let text = console.get(&page, &cookie).await.text;
    assert!(
        text.contains("is on its way back") && !text.contains("The provider refuses"),
        "{text}"
    );

    checkout.set_refunds(Refunds::Refused);
    let failing = eventually("the refusal is listed", async || {
        Some(listed("?state=failing").await).filter(|list| !list.is_empty())
    })
    .await;
    assert_eq!((failing.len(), &failing[0]["order"]), (1, &json!(order)));
    let fault = failing[0]["last_fault"].as_str().expect("a fault");
    assert!(fault.contains("charge_disputed") && failing[0]["attempts"].as_i64() > Some(0));
    assert!(listed(&format!("?after={order}")).await.is_empty());
    let text = console.get(&page, &cookie).await.text;
    assert!(text.contains("The provider refuses: ") && text.contains("charge_disputed"), "{text}");
    assert!(text.contains("It was asked "), "{text}");
    assert!(console.get("/admin/refunds", &cookie).await.text.contains("charge_disputed"));
    let fan = console.get(&support_path(&console, order).await, "").await.text;
    assert!(fan.contains("has not given it back yet") && !fan.contains("charge_disputed"), "{fan}");

    checkout.set_refunds(Refunds::Given);
    eventually("the money is given back", async || listed("").await.is_empty().then_some(())).await;
    for bad in ["?state=gone", &format!("?after={}", Uuid::now_v7())] {
        let refused =
            console.api("GET", &format!("/v1/admin/refunds{bad}"), Some(&token), None).await;
        assert!(refused.status.is_client_error(), "{bad}: {}", refused.text);
    }
}

/// Every id of a list, page after page.
async fn walk(
    console: &TestConsole,
    token: &str,
    path: &str,
    list: &str,
    id: &str,
) -> Vec<(usize, Vec<String>)> {
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let body = console.api("GET", &format!("{path}{after}"), Some(token), None).await.body;
        let entries = body[list].as_array().unwrap_or_else(|| panic!("{body}"));
        let ids = entries
            .iter()
            .map(|entry| entry[id].as_str().expect("id").to_owned())
            .collect::<Vec<_>>();
        pages.push((ids.len(), ids));
        match body["next"].as_str() {
            Some(next) => {
                after = format!("{}after={next}", if path.contains('?') { "&" } else { "?" })
            }
            None => return pages,
        }
    }
}

#[tokio::test]
async fn long_lists_come_in_pages_that_leave_nobody_out() {
    let (console, token) = TestConsole::with_admin().await;
    for statement in [
        "INSERT INTO admin.support_tickets (ticket, order_id, show, topic, state, updated_at)
         SELECT gen_random_uuid(), gen_random_uuid(), 's', 'other', (ARRAY['open', 'answered', \
         'closed'])[1 + n % 3],
                now() - make_interval(secs => n / 2) FROM generate_series(1, 250) n",
        "INSERT INTO admin.users (user_id, email, name, role, password_hash)
         SELECT gen_random_uuid(), 'P' || n || '@example.org', 'P', 'operator', 'x' FROM \
         generate_series(1, 120) n",
    ] {
        sqlx::query(statement).execute(&console.test_env.pool).await.expect("rows");
    }
    let states = std::iter::repeat_n(ResellerState::Pending, 55).chain([ResellerState::Approved]);
    for (number, state) in states.enumerate() {
        let reseller = ResellerBuilder::new(&format!("Reseller {number}")).state(state);
        reseller.sign_up(&console.test_env).await;
    }
    for (path, list, id, sizes) in [
        ("/v1/admin/support", "tickets", "ticket", vec![100, 100, 50]),
        ("/v1/admin/support?state=open", "tickets", "ticket", vec![83]),
        ("/v1/admin/resellers", "resellers", "reseller", vec![50, 6]),
        ("/v1/admin/resellers?state=pending", "resellers", "reseller", vec![50, 5]),
        ("/v1/admin/people", "people", "email", vec![100, 21]),
    ] {
        let pages = walk(&console, &token, path, list, id).await;
        assert_eq!(pages.iter().map(|(size, _)| *size).collect::<Vec<_>>(), sizes, "{path}");
        let all: std::collections::HashSet<_> =
            pages.into_iter().flat_map(|(_, ids)| ids).collect();
        assert_eq!(all.len(), sizes.iter().sum::<usize>(), "{path}: nobody comes twice");
    }
    for state in ["lost", ""] {
        let path = format!("/v1/admin/support?state={state}");
        let refused = console.api("GET", &path, Some(&token), None).await;
        let told = (refused.status, refused.problem());
        assert_eq!(told, (StatusCode::BAD_REQUEST, "invalid-query"), "{state:?}: {}", refused.text);
    }
    let first = console.api("GET", "/v1/admin/support", Some(&token), None).await.body;
    let states: Vec<_> = first["tickets"]
        .as_array()
        .expect("tickets")
        .iter()
        .map(|one| one["state"].clone())
        .collect();
    assert!(states[..83].iter().all(|state| state == "open") && states[83] != "open", "{states:?}");
    for (page, words) in [
        ("/admin/support", "More tickets"),
        ("/admin/resellers", "More resellers"),
        ("/admin/people", "More people"),
    ] {
        let cookie = format!("fg_admin={token}");
        let text = console.get(page, &cookie).await.text;
        let link = text
            .split(&format!("\">{words}"))
            .next()
            .and_then(|rest| rest.rsplit("href=\"").next())
            .expect("a link");
        let rest = console.get(&link.replace("&#38;", "&").replace("&amp;", "&"), &cookie).await;
        assert_eq!(rest.status, StatusCode::OK, "{link}");
        let is_last = ["/admin/people", "/admin/resellers"].contains(&page);
        assert_eq!(rest.text.contains(words), !is_last, "{link}");
    }
}
