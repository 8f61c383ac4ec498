//! The whole server over HTTP: from the line to tickets, and everything that is refused on the way.

use std::time::{Duration, Instant};

use admission::contract::PassKeys;
use chrono::Utc;
use rdkafka::{
    ClientConfig,
    admin::{
        AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
    },
    client::DefaultClientContext,
};
use serde_json::json;
use testkit::{TestEnv, eventually};

use crate::{
    chaos::Chaos,
    fan,
    test_system::{Terms, TestSystem, assert_clean, refused, reply, sale},
};

#[tokio::test]
async fn one_fan_goes_from_the_line_to_tickets() {
    let system = TestSystem::open().await;
    let ticket_type =
        system.sale("harbour-lights", &Terms { tickets: 10, ..Terms::default() }).await;

    let ticket = fan::join(&system, "harbour-lights").await;
    let place = reply(system.get("/v1/rooms/harbour-lights/place").bearer_auth(&ticket))
        .await
        .with_status(200);
    assert_eq!(place.body["phase"], "open");
    let pass = fan::claim(&system, "harbour-lights", &ticket).await;
    assert_eq!(
        pass,
        fan::claim(&system, "harbour-lights", &ticket).await,
        "asking again gives the same pass"
    );
    let opened = fan::redeem(&system, &pass).await.with_status(201);
    let session = opened.text_of("session_token");

    let hold =
        fan::try_hold(&system, &session, ticket_type, 2).await.with_status(201).text_of("hold");
    let order = fan::order(&system, &session, &hold).await;
    fan::pay(&system, &order).await;
    let order = fan::await_state(&system, &session, &order.order, "fulfilled").await;
    let codes: Vec<_> = order.body["tickets"]
        .as_array()
        .expect("tickets")
        .iter()
        .map(|ticket| &ticket["code"])
        .collect();
    assert_eq!(codes.len(), 2, "{}", order.text);
    assert_ne!(codes[0], codes[1]);

    let availability =
        reply(system.get("/v1/shows/harbour-lights/availability")).await.with_status(200);
    assert!(availability.text.contains(&ticket_type.to_string()), "{}", availability.text);
    assert_clean(&system.verify().await);
}

#[tokio::test]
async fn what_browsers_and_machines_ask_for_is_there() {
    let system = TestSystem::open().await;
    system.sale("harbour-lights", &Terms::default()).await;
    for path in ["/", "/shows/harbour-lights", "/queue/harbour-lights"] {
        let page = reply(system.get(path).header("accept", "text/html")).await.with_status(200);
        assert!(
            page.header("content-type").starts_with("text/html") && page.text.contains("<main"),
            "{path}"
        );
        assert!(page.header("content-security-policy").contains("default-src 'none'"), "{path}");
    }
    let entry = reply(system.get("/checkout").header("accept", "text/html")).await;
    assert_ne!(entry.status, 404, "{}", entry.text);
    for path in ["/healthz", "/openapi.json", "/.well-known/paseto-keys", "/v1/shows"] {
        reply(system.get(path)).await.with_status(200);
    }
}

#[tokio::test]
async fn metrics_and_readiness_are_for_whoever_runs_the_system_alone() {
    let system = TestSystem::open().await;
    for path in ["/metrics", "/readyz"] {
        refused(system.get(path), 404, "not-found").await;
    }
    reply(system.ask("/healthz")).await.with_status(200);
    assert!(
        reply(system.ask("/metrics"))
            .await
            .with_status(200)
            .header("content-type")
            .starts_with("text/plain")
    );
    refused(system.ask("/v1/shows"), 404, "not-found").await;
    let mut tries = 0;
    while reply(system.ask("/readyz")).await.status != 200 {
        tries += 1;
        assert!(tries < 100, "never ready: {}", reply(system.ask("/readyz")).await.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // A request under way keeps the server from ending, and the balancer is told meanwhile.
    let mut stream = std::net::TcpStream::connect(system.base.trim_start_matches("http://"))
        .expect("a connection");
    std::io::Write::write_all(&mut stream, b"GET /healthz HTTP/1.1\r\nhost: a\r\n")
        .expect("half a request");
    tokio::time::sleep(Duration::from_millis(200)).await;
    system.tasks.stop().cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(refused(system.ask("/readyz"), 503, "not-ready").await.text.contains("ending"));
}

/// As where Kafka was away when the process started, so that its topics could not be looked at
/// then.
#[tokio::test]
async fn a_process_is_not_ready_while_a_topic_may_lose_what_it_acknowledged() {
    let test_env = TestEnv::new().await;
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &test_env.kafka_brokers)
        .create()
        .expect("a client");
    let (name, options) = (test_env.kafka.name("line.weak"), AdminOptions::new());
    let weak = NewTopic::new(&name, 1, TopicReplication::Fixed(1))
        .set("unclean.leader.election.enable", "true");
    admin.create_topics([&weak], &options).await.expect("asked").remove(0).expect("made");
    let system = TestSystem::open_in(test_env, &[]).await;
    let waiting = async || reply(system.ask("/readyz")).await.text;
    for tries in 0.. {
        assert!(tries < 100, "{}", waiting().await);
        if waiting().await.contains("Waiting for topics that keep what they acknowledge.") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let told = AlterConfig::new(ResourceSpecifier::Topic(&name))
        .set("min.insync.replicas", "1")
        .set("unclean.leader.election.enable", "false");
    admin.alter_configs([&told], &options).await.expect("asked").remove(0).expect("changed");
    for tries in 0.. {
        assert!(tries < 100, "{}", waiting().await);
        if reply(system.ask("/readyz")).await.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn the_description_of_the_api_is_sent_once_and_compressed_once() {
    let system = TestSystem::open().await;
    let first = reply(system.get("/openapi.json")).await.with_status(200);
    assert_eq!(first.body["openapi"].as_str().map(|version| &version[..3]), Some("3.1"));
    let tag = first.header("etag").to_owned();
    assert!(!tag.is_empty() && first.header("vary") == "accept-encoding");
    reply(system.get("/openapi.json").header("if-none-match", &tag)).await.with_status(304);
    let compressed =
        reply(system.get("/openapi.json").header("accept-encoding", "gzip")).await.with_status(200);
    assert_eq!(
        (compressed.header("content-encoding"), compressed.header("etag")),
        ("gzip", tag.as_str())
    );
}

#[tokio::test]
async fn a_pass_opens_one_session_however_many_ask_at_once() {
    let system = TestSystem::open().await;
    system.sale("harbour-lights", &Terms::default()).await;
    let pass = fan::pass(&system, "harbour-lights").await;
    let answers = futures::future::join_all((0..200).map(|_| fan::redeem(&system, &pass))).await;
    let won = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(won, 1, "of 200 concurrent redemptions one wins");
    for lost in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((lost.status, lost.id()), (409, "pass-used"), "{}", lost.text);
    }
    assert_clean(&system.verify().await);
}

#[tokio::test]
async fn a_sale_ends_sold_out_to_the_last_ticket() {
    let system = TestSystem::open().await;
    let terms = Terms { tickets: 12, shards: 3, ..Terms::default() };
    let ticket_type = system.sale("harbour-lights", &terms).await;
    let buyers = (0..6).map(|_| fan::buy(&system, "harbour-lights", ticket_type, 2));
    for order in futures::future::join_all(buyers).await {
        assert_eq!(order.body["tickets"].as_array().map(Vec::len), Some(2), "{}", order.text);
    }
    let told = async || {
        let head = reply(system.get("/v1/rooms/harbour-lights/head")).await;
        (head.body["sale"]["state"] == "sold_out").then_some(())
    };
    eventually("it is told in line", told).await;
    // Whoever comes now is not let in for nothing.
    let late = fan::join(&system, "harbour-lights").await;
    // The gate is asked twenty times meanwhile.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let place = reply(system.get("/v1/rooms/harbour-lights/place").bearer_auth(&late)).await;
    assert_eq!(place.body["state"], "waiting", "{}", place.text);
    let report = system.verify().await;
    assert_clean(&report);
    let tickets = report
        .checks
        .iter()
        .find(|check| check.id == "ticket-codes-unique")
        .map(|check| check.looked_at);
    assert_eq!(tickets, Some(12), "the checker saw them all");
}

#[tokio::test]
async fn a_running_sale_is_clean_at_every_moment() {
    let system = TestSystem::open().await;
    let terms = Terms { tickets: 60, shards: 2, rate_per_sec: 8.0, ..Terms::default() };
    let ticket_type = system.sale("harbour-lights", &terms).await;
    let buyers = futures::future::join_all(
        (0..30).map(|_| fan::buy(&system, "harbour-lights", ticket_type, 2)),
    );
    let checks = async {
        for _ in 0..5 {
            assert_clean(&system.verify().await);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let (orders, ()) = tokio::join!(buyers, checks);
    assert_eq!(orders.len(), 30);
    assert_clean(&system.verify().await);
}

#[tokio::test]
async fn unreadable_bodies_and_unknown_addresses_are_told_apart() {
    let system = TestSystem::open().await;
    let ticket_type = system.sale("harbour-lights", &Terms::default()).await;
    let session = fan::session(&system, "harbour-lights").await;
    let holds = || system.post("/v1/holds").bearer_auth(&session).header("idempotency-key", "k");
    let as_json =
        |body: &str| holds().header("content-type", "application/json").body(body.to_owned());

    refused(as_json(&" ".repeat(70 * 1024)), 413, "body-too-large").await;
    refused(as_json("{"), 400, "malformed-json").await;
    refused(holds().body("items"), 415, "unsupported-media-type").await;
    let missing = refused(as_json("{}"), 422, "invalid-field").await;
    assert!(missing.text.contains("items"), "{}", missing.text);
    let unknown =
        json!({ "items": [{ "ticket_type": ticket_type, "quantity": 1, "price_minor": 1 }] });
    let unknown = refused(holds().json(&unknown), 422, "invalid-field").await;
    assert!(
        unknown.body["errors"][0]["field"]
            .as_str()
            .is_some_and(|field| field.starts_with("items[0]")),
        "{}",
        unknown.text
    );
    let wrong = json!({ "items": [{ "ticket_type": ticket_type, "quantity": 99 }] });
    let wrong = refused(holds().json(&wrong), 422, "invalid-field").await;
    assert_eq!(wrong.body["errors"][0]["field"], "items[0].quantity");
    let stranger = json!({ "items": [{ "ticket_type": uuid::Uuid::nil(), "quantity": 1 }] });
    refused(holds().json(&stranger), 422, "ticket-type-unknown").await;
    let keyless = system.post("/v1/holds").bearer_auth(&session).json(&json!({ "items": [] }));
    refused(keyless, 400, "idempotency-key-needed").await;

    refused(system.get("/v1/rooms/nowhere/head"), 404, "room-unknown").await;
    refused(system.post("/v1/rooms/nowhere/places"), 404, "room-unknown").await;
    refused(system.get("/v1/shows/nowhere"), 404, "show-unknown").await;
    refused(system.get("/nowhere"), 404, "not-found").await;
    refused(system.delete("/v1/shows"), 405, "method-not-allowed").await;
    let order = format!("/v1/orders/{}", uuid::Uuid::new_v4());
    refused(system.get(&order).bearer_auth(&session), 404, "order-unknown").await;
    refused(
        system.post("/v1/payments/webhooks/nobody").json(&json!({})),
        404,
        "payment-provider-unknown",
    )
    .await;
    refused(
        system.post("/v1/payments/webhooks/sandbox").json(&json!({})),
        401,
        "webhook-signature-invalid",
    )
    .await;
}

/// A character in the middle is another one.
fn changed(token: &str) -> String {
    let mut bytes = token.as_bytes().to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("ascii")
}

#[tokio::test]
async fn place_tickets_that_are_not_good_are_refused_by_name() {
    let system = TestSystem::open().await;
    system.sale("harbour-lights", &Terms { rate_per_sec: 0.0, ..Terms::default() }).await;
    system.sale("other-show", &Terms { claim_window_secs: 1, ..Terms::default() }).await;
    let ticket = fan::join(&system, "harbour-lights").await;
    let place = |ticket: &str| system.get("/v1/rooms/harbour-lights/place").bearer_auth(ticket);

    refused(system.get("/v1/rooms/harbour-lights/place"), 401, "place-ticket-needed").await;
    refused(place("nonsense"), 401, "place-ticket-malformed").await;
    refused(place(&changed(&ticket)), 401, "place-ticket-forged").await;
    let elsewhere = kit::token::SealRing::from_paserk(
        &kit::token::generate_seal_key().expect("key"),
        "fairgate.place.v1",
    );
    let elsewhere = elsewhere
        .expect("ring")
        .seal(&json!({ "r": "harbour-lights", "l": 0, "o": 0, "j": 0, "a": 0 }));
    refused(place(&elsewhere.expect("a ticket")), 401, "place-ticket-key-unknown").await;
    let late = fan::join(&system, "other-show").await;
    refused(place(&late), 403, "place-ticket-foreign").await;
    let early = refused(
        system.post("/v1/rooms/harbour-lights/pass").bearer_auth(&ticket),
        409,
        "not-your-turn",
    )
    .await;
    assert!(!early.header("retry-after").is_empty());

    fan::claim(&system, "other-show", &late).await;
    // The window ends by the door clock, with a controller's word for it.
    let is_over = async || {
        let place = reply(system.get("/v1/rooms/other-show/place").bearer_auth(&late)).await;
        (place.body["state"] == "window_missed").then_some(())
    };
    eventually("the window is over", is_over).await;
    refused(
        system.post("/v1/rooms/other-show/pass").bearer_auth(&late),
        410,
        "claim-window-missed",
    )
    .await;
}

#[tokio::test]
async fn passes_that_are_not_good_are_refused_by_name() {
    let system = TestSystem::open().await;
    system.sale("harbour-lights", &Terms::default()).await;
    let pass = fan::pass(&system, "harbour-lights").await;
    let ring = |keys: &str, audience: &str| {
        PassKeys::from_paserk(keys, "fairgate", audience).expect("keys")
    };
    let (room, now) = ("harbour-lights", Utc::now());
    let sign = |ring: &PassKeys, secs: i64| {
        let expires_at = now + chrono::Duration::seconds(secs);
        let place = "harbour-lights.0.7".parse().expect("a place");
        ring.sign(&place, room, now - chrono::Duration::hours(1), expires_at).expect("a pass")
    };
    let (own, stranger) = (
        system.env["FAIRGATE_PASS_KEYS"].clone(),
        admission::contract::generate_pass_key().expect("key"),
    );
    for (wrong, id) in [
        (String::new(), "pass-needed"),
        ("nonsense".to_owned(), "pass-malformed"),
        (changed(&pass), "pass-forged"),
        (sign(&ring(&stranger, "fairgate-checkout"), 60), "pass-key-unknown"),
        (sign(&ring(&own, "another-seller"), 60), "pass-foreign"),
        (sign(&ring(&own, "fairgate-checkout"), -60), "pass-expired"),
    ] {
        let answer = fan::redeem(&system, &wrong).await;
        assert_eq!((answer.status, answer.id()), (401, id), "{}", answer.text);
    }
    fan::redeem(&system, &pass).await.with_status(201);
    assert_eq!(fan::redeem(&system, &pass).await.id(), "pass-used");
    let next = own.split_once(',').map(|(_, next)| next.to_owned()).expect("a next key");
    let rotated = sign(&ring(&next, "fairgate-checkout"), 60);
    fan::redeem(&system, &rotated).await.with_status(201);
}

#[tokio::test]
async fn sessions_and_holds_that_are_not_good_are_refused_by_name() {
    let system = TestSystem::open().await;
    let ticket_type = system.sale("harbour-lights", &Terms::default()).await;
    let [one, other] = [
        fan::session(&system, "harbour-lights").await,
        fan::session(&system, "harbour-lights").await,
    ];
    let hold = fan::try_hold(&system, &one, ticket_type, 1).await.with_status(201).text_of("hold");

    let order = |session: Option<&str>, hold: &str| {
        let ask =
            system.post("/v1/orders").header("idempotency-key", "k").json(&fan::order_body(hold));
        if let Some(session) = session { ask.bearer_auth(session) } else { ask }
    };
    refused(order(None, &hold), 401, "session-needed").await;
    refused(order(Some("nonsense"), &hold), 401, "session-malformed").await;
    refused(order(Some(&changed(&one)), &hold), 401, "session-forged").await;
    refused(order(Some(&one), "nonsense"), 422, "hold-malformed").await;
    refused(order(Some(&one), &changed(&hold)), 422, "hold-forged").await;
    refused(order(Some(&one), &one), 422, "hold-forged").await;
    refused(order(Some(&other), &hold), 403, "hold-foreign").await;

    let placed = reply(order(Some(&one), &hold)).await;
    assert!(placed.status == 201 || placed.status == 202, "{}", placed.text);
    let again = reply(order(Some(&one), &hold)).await;
    assert_eq!(
        again.text_of("order"),
        placed.text_of("order"),
        "the same key and body is the same order"
    );
    let mut changed_buyer = fan::order_body(&hold);
    changed_buyer["buyer"]["name"] = "Somebody Else".into();
    let mismatch = system
        .post("/v1/orders")
        .bearer_auth(&one)
        .header("idempotency-key", "k")
        .json(&changed_buyer);
    refused(mismatch, 422, "idempotency-mismatch").await;
    let foreign = format!("/v1/orders/{}", placed.text_of("order"));
    refused(system.get(&foreign).bearer_auth(&other), 404, "order-unknown").await;
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let system = TestSystem::open_with(&[
        ("FAIRGATE_LIMIT_JOIN_PER_SEC", "1"),
        ("FAIRGATE_LIMIT_JOIN_BURST", "3"),
    ])
    .await;
    system.sale("harbour-lights", &Terms::default()).await;
    let join = |client: &str| {
        system.post("/v1/rooms/harbour-lights/places").header("x-forwarded-for", client)
    };
    for left in [2, 1, 0] {
        let joined = reply(join("203.0.113.7")).await.with_status(201);
        assert_eq!(joined.header("ratelimit-policy"), "\"join\";q=3;w=3");
        assert!(
            joined.header("ratelimit").starts_with(&format!("\"join\";r={left};")),
            "{}",
            joined.header("ratelimit")
        );
    }
    let limited = refused(join("203.0.113.7"), 429, "too-many-requests").await;
    assert!(
        limited.header("ratelimit").starts_with("\"join\";r=0;")
            && !limited.header("retry-after").is_empty()
    );
    reply(join("203.0.113.8")).await.with_status(201);
}

#[tokio::test]
async fn a_head_that_did_not_move_is_not_sent_again() {
    let system = TestSystem::open().await;
    system.sale("harbour-lights", &Terms { rate_per_sec: 0.0, ..Terms::default() }).await;
    // Every ten seconds its time is news, too.
    let (head, again) = eventually("a head that says the same", async || {
        let head = reply(system.get("/v1/rooms/harbour-lights/head")).await.with_status(200);
        let again = system.get("/v1/rooms/harbour-lights/head");
        let again = reply(again.header("if-none-match", head.header("etag"))).await;
        (again.status == 304).then_some((head, again))
    })
    .await;
    assert!(again.text.is_empty());
    assert_eq!(
        head.header("cache-control"),
        "public, max-age=1, stale-while-revalidate=1, stale-if-error=30"
    );
    // What shared caches give to everybody says nothing of who asked first.
    for own in ["x-request-id", "ratelimit", "set-cookie"] {
        assert_eq!(head.header(own), "", "{own}");
    }
    fan::join(&system, "harbour-lights").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let moved =
        system.get("/v1/rooms/harbour-lights/head").header("if-none-match", head.header("etag"));
    let moved = reply(moved).await.with_status(200);
    assert_eq!(moved.body["waiting"], 1);
}

#[tokio::test]
async fn without_kafka_joins_are_refused_soon_and_work_again_with_it() {
    let test_env = TestEnv::new().await;
    let kafka = Chaos::before(&test_env.kafka_brokers).await;
    kafka.cut();
    // The sale was made while Kafka was there.
    sale(&crate::test_system::stores(&test_env), "harbour-lights", &Terms::default()).await;
    let brokers = kafka.address.to_string();
    let system = TestSystem::open_in(test_env, &[("FAIRGATE_KAFKA_BROKERS", &brokers)]).await;

    // Who has not read where the line stands gives no places and tells none.
    let began = Instant::now();
    let joins = (0..20)
        .map(|_| refused(system.post("/v1/rooms/harbour-lights/places"), 503, "try-again-soon"));
    for refusal in futures::future::join_all(joins).await {
        assert!(!refusal.header("retry-after").is_empty());
    }
    assert!(began.elapsed() < Duration::from_secs(5), "refused only after {:?}", began.elapsed());
    refused(system.get("/v1/rooms/harbour-lights/head"), 503, "try-again-soon").await;
    assert_eq!(reply(system.ask("/readyz")).await.status, 503);

    kafka.mend();
    for _ in 0..200 {
        let joined = reply(system.post("/v1/rooms/harbour-lights/places")).await;
        if joined.status == 201 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("joining did not come back with Kafka");
}

#[tokio::test]
async fn waiting_does_not_depend_on_redis() {
    let test_env = TestEnv::new().await;
    let server = test_env.redis_url.trim_start_matches("redis://").trim_end_matches('/').to_owned();
    let redis = Chaos::before(&server).await;
    let url = format!("redis://{}/", redis.address);
    let system = TestSystem::open_in(test_env, &[("FAIRGATE_REDIS_URL", &url)]).await;
    let ticket_type =
        system.sale("harbour-lights", &Terms { tickets: 20, ..Terms::default() }).await;
    let session = fan::session(&system, "harbour-lights").await;
    let (ticket, admitted) =
        (fan::join(&system, "harbour-lights").await, fan::join(&system, "harbour-lights").await);
    fan::claim(&system, "harbour-lights", &admitted).await;

    redis.cut();
    fan::join(&system, "harbour-lights").await;
    reply(system.get("/v1/rooms/harbour-lights/head")).await.with_status(200);
    reply(system.get("/v1/rooms/harbour-lights/place").bearer_auth(&ticket)).await.with_status(200);
    reply(system.post("/v1/rooms/harbour-lights/pass").bearer_auth(&admitted))
        .await
        .with_status(200);
    let began = Instant::now();
    let refusal = fan::try_hold(&system, &session, ticket_type, 1).await;
    assert_eq!((refusal.status, refusal.id()), (503, "try-again-soon"), "{}", refusal.text);
    assert!(began.elapsed() < Duration::from_secs(6), "refused only after {:?}", began.elapsed());

    redis.mend();
    for _ in 0..60 {
        if fan::try_hold(&system, &session, ticket_type, 1).await.status == 201 {
            assert_clean(&system.verify().await);
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("holding did not come back with Redis");
}
