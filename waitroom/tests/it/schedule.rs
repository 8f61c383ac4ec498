//! Published shows get rooms, and rooms open when the sale begins.

use std::time::{Duration, Instant};

use admission::contract::{EntropySource, Gate, LineMethod};
use catalog::contract::{
    CATALOG_TOPIC, CatalogEvent, Money, NewTicketType, SaleState, ShowDraft, ShowId, Stop, Venue,
    change_allotment, change_show, create_show, ensure_catalog_topic, publish_show,
    put_ticket_type, put_venue, set_high_traffic, stop_reseller, withdraw_own_show,
};
use chrono::{DateTime, Utc};
use kit::{http::RequestId, kafka::ProducerBounds, serve::Tasks};
use rdkafka::producer::FutureRecord;
use sqlx::PgPool;
use testkit::{RoomBuilder, ShowBuilder, id};
use waitroom::contract::{
    NewRoom, Phase, RoomChange, RoomState, change_room, create_room, room, rooms,
};

use crate::test_waitroom::{Instance, TestWaitroom, id_of};

const RESELLER: uuid::Uuid = uuid::Uuid::from_u128(7);

fn draft(venue: uuid::Uuid, on_sale_at: DateTime<Utc>) -> ShowDraft {
    let starts_at = Utc::now() + chrono::Duration::days(60);
    ShowDraft {
        title: "Harbour Lights".to_owned(),
        performer: "Mira Vale".to_owned(),
        genre: String::new(),
        description: String::new(),
        venue,
        doors_at: starts_at,
        starts_at,
        on_sale_at,
    }
}

/// Marks a show as one that many will come for.
async fn mark(pool: &PgPool, show: &ShowId) {
    let mut connection = pool.acquire().await.unwrap();
    set_high_traffic(&mut connection, show, true).await.unwrap();
}

/// A show with tickets, published.
async fn publish(pool: &PgPool, on_sale_at: DateTime<Utc>) -> (ShowId, ShowDraft) {
    let waitroom = Venue {
        name: "A hall".to_owned(),
        city: "Bergen".to_owned(),
        country: "NO".to_owned(),
        address: String::new(),
        time_zone: "Europe/Oslo".to_owned(),
    };
    let draft = draft(put_venue(pool, RESELLER.into(), None, &waitroom).await.unwrap(), on_sale_at);
    let show = create_show(pool, RESELLER.into(), &draft).await.unwrap();
    let standing = NewTicketType {
        name: "Standing".to_owned(),
        description: String::new(),
        price: Money::new(100, id("NOK")),
        per_order_max: 4,
    };
    let ticket_type = put_ticket_type(pool, RESELLER.into(), &show, None, &standing).await.unwrap();
    let request = RequestId::fresh();
    change_allotment(pool, RESELLER.into(), &show, ticket_type, 50, &request).await.unwrap();
    publish_show(pool, RESELLER.into(), &show, &request).await.unwrap();
    (show, draft)
}

async fn room_when(pool: &PgPool, name: &str, fits: impl Fn(&RoomState) -> bool) -> RoomState {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let seen = room(pool, name).await.unwrap();
        if let Some(state) = seen.clone().filter(&fits) {
            return state;
        }
        assert!(Instant::now() < deadline, "{seen:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_show_gets_a_room_that_opens_when_its_sale_begins() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let tasks = Tasks::default();
    catalog::run(pool.clone(), waitroom.test_env.kafka.clone(), &tasks);
    let on_sale_at = Utc::now() + chrono::Duration::days(1);
    let (show, draft) = publish(pool, on_sale_at).await;

    let made = room_when(pool, &show, |_| true).await;
    assert_eq!((made.show.as_str(), made.phase, made.lanes), (show.as_str(), Phase::Scheduled, 4));
    assert_eq!((made.rate_per_sec, made.max_active, made.claim_window_secs), (200.0, 2000, 120));
    assert_eq!(made.opens_at.map(|at| at.timestamp_millis()), Some(on_sale_at.timestamp_millis()));

    // The sale moves to a moment that has come; the room follows and opens.
    let now = ShowDraft { on_sale_at: Utc::now(), ..draft };
    change_show(pool, RESELLER.into(), &show, &now).await.unwrap();
    room_when(pool, &show, |state| state.phase == Phase::Open).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let (status, joined) =
            waitroom.instance.call("POST", &format!("/v1/rooms/{show}/places"), None).await;
        if status == 201 {
            break;
        }
        assert!(Instant::now() < deadline, "{status} {joined}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tasks.stop().cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_show_that_has_a_room_keeps_it_as_its_operator_wants_it() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let (show, _) = publish(pool, Utc::now() - chrono::Duration::hours(1)).await;
    let own = NewRoom {
        room: "own".parse().unwrap(),
        show: show.clone(),
        lanes: 2,
        rate_per_sec: 3.0,
        max_active: 10,
        claim_window_secs: 60,
        message: String::new(),
        method: LineMethod::FirstCome,
        entropy_source: EntropySource::None,
        joins_at: None,
        opens_at: None,
        sleeps: false,
    };
    create_room(pool, &waitroom.test_env.kafka, &own).await.unwrap();
    // Told only now, and behind it a show without a room, whose room says when both were heard.
    let tasks = Tasks::default();
    catalog::run(pool.clone(), waitroom.test_env.kafka.clone(), &tasks);
    let (next, _) = publish(pool, Utc::now() - chrono::Duration::hours(1)).await;
    assert_ne!(show, next);
    room_when(pool, &next, |state| state.phase == Phase::Open).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while catalog_outbox(pool).await > 0 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(room(pool, &show).await.unwrap().is_none(), "no second room");
    let kept = room(pool, "own").await.unwrap().unwrap();
    assert_eq!((kept.phase, kept.rate_per_sec), (Phase::Scheduled, 3.0), "somebody opens it");
    assert_eq!(rooms(pool).await.unwrap().len(), 3);
    tasks.stop().cancel();
}

async fn catalog_outbox(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM catalog.outbox").fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fans_may_join_half_an_hour_before_the_sale_and_are_drawn_once() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let tasks = Tasks::default();
    catalog::run(pool.clone(), waitroom.test_env.kafka.clone(), &tasks);
    let (other, _) = waitroom.instance_told().await;
    let (show, draft) = publish(pool, Utc::now() + chrono::Duration::minutes(29)).await;
    let made = room_when(pool, &show, |state| state.phase == Phase::PreQueue).await;
    let committed = made.draw.expect("a draw").commitment;
    let mut tickets = Vec::new();
    for instance in [&waitroom.instance, &other, &other] {
        head_when(instance, &show, |head| head["phase"] == "pre_queue").await;
        let (status, joined) =
            instance.call("POST", &format!("/v1/rooms/{show}/places"), None).await;
        assert_eq!(status, 201, "{joined}");
        tickets.push(joined["ticket"].as_str().unwrap().to_owned());
    }
    // Both instances see that its time has come, and make the draw.
    let now = ShowDraft { on_sale_at: Utc::now(), ..draft };
    change_show(pool, RESELLER.into(), &show, &now).await.unwrap();
    let open = room_when(pool, &show, |state| state.phase == Phase::Open).await;
    let draw = open.draw.expect("a draw");
    assert_eq!((draw.commitment, draw.entries()), (committed, Some(3)));
    let mut places = Vec::new();
    for instance in [&waitroom.instance, &other] {
        head_when(instance, &show, |head| head["phase"] == "open").await;
        for ticket in &tickets {
            let path = format!("/v1/rooms/{show}/place");
            places.push(instance.call("GET", &path, Some(ticket)).await.1["place"].clone());
        }
    }
    assert_eq!(places[..3], places[3..], "both tell the same");
    let mut drawn: Vec<i64> = places[..3].iter().filter_map(|place| place.as_i64()).collect();
    drawn.sort_unstable();
    assert_eq!(drawn, [1, 2, 3]);
    tasks.stop().cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_set_back_to_draft_follows_its_sale() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let tasks = Tasks::default();
    catalog::run(pool.clone(), waitroom.test_env.kafka.clone(), &tasks);
    let (show, draft) = publish(pool, Utc::now() + chrono::Duration::days(1)).await;
    room_when(pool, &show, |_| true).await;
    let back = RoomChange { phase: Some(Phase::Draft), ..RoomChange::default() };
    change_room(pool, &show, &back).await.unwrap();
    let later = Utc::now() + chrono::Duration::days(2);
    change_show(pool, RESELLER.into(), &show, &ShowDraft { on_sale_at: later, ..draft })
        .await
        .unwrap();
    room_when(pool, &show, |state| {
        state.opens_at.map(|at| at.timestamp_millis()) == Some(later.timestamp_millis())
    })
    .await;
    tasks.stop().cancel();
}

/// Sends an event to the catalog's topic, under a key.
async fn send(waitroom: &TestWaitroom, key: &str, show: &ShowId, on_sale_at: DateTime<Utc>) {
    let event = CatalogEvent::ShowPublished { show: show.clone(), on_sale_at };
    let bounds = ProducerBounds { queue_messages_max: 10, delivery_ms_max: 5_000, linger_ms: 0 };
    ensure_catalog_topic(&waitroom.test_env.kafka).await.unwrap();
    let (producer, topic) = (
        waitroom.test_env.kafka.producer(bounds).unwrap(),
        waitroom.test_env.kafka.name(CATALOG_TOPIC),
    );
    let payload = serde_json::to_vec(&event).unwrap();
    let record = FutureRecord::to(&topic).key(key).payload(&payload);
    producer.send(record, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_late_opens_nothing() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let on_sale_at = Utc::now() + chrono::Duration::days(1);
    let (show, _) = publish(pool, on_sale_at).await;
    let (next, _) = publish(pool, on_sale_at).await;
    send(&waitroom, "key", &show, on_sale_at).await;
    room_when(pool, &show, |_| true).await;
    // The sale began yesterday, before it was moved; the room of the next show tells that this was
    // read.
    send(&waitroom, "key", &show, Utc::now() - chrono::Duration::days(1)).await;
    send(&waitroom, "key", &next, on_sale_at).await;
    room_when(pool, &next, |_| true).await;
    let kept = room(pool, &show).await.unwrap().unwrap();
    assert_eq!(kept.opens_at.map(|at| at.timestamp_millis()), Some(on_sale_at.timestamp_millis()));
    assert_eq!(kept.phase, Phase::Scheduled);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_of_a_show_that_nobody_marked_sleeps_until_fans_may_wait() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let (pool, kafka) = (&waitroom.test_env.pool, &waitroom.test_env.kafka);
    let now = Utc::now();
    let (on_sale, _) = publish(pool, now - chrono::Duration::hours(1)).await;
    let (soon, _) = publish(pool, now + chrono::Duration::minutes(29)).await;
    let (marked, _) = publish(pool, now - chrono::Duration::hours(1)).await;
    mark(pool, &marked).await;
    for show in [&on_sale, &soon, &marked] {
        send(&waitroom, "key", show, now).await;
    }
    let sleeps = room_when(pool, &on_sale, |state| state.phase == Phase::Open).await.sleep;
    assert!(sleeps.asleep && sleeps.sleeps, "{sleeps:?}");
    let path = format!("/v1/rooms/{on_sale}/places");
    assert_eq!(waitroom.instance.call("POST", &path, None).await.1["lane"], -1);
    let waits = |state: &RoomState| state.phase == Phase::PreQueue && !state.sleep.asleep;
    assert!(room_when(pool, &soon, waits).await.sleep.sleeps);
    let marked_room = room_when(pool, &marked, |state| state.phase == Phase::Open).await.sleep;
    assert!(!marked_room.asleep && !marked_room.sleeps, "{marked_room:?}");
    let topics = [format!("line.{on_sale}"), format!("line.{on_sale}.1"), format!("line.{soon}.1")];
    let mut lanes = Vec::new();
    for topic in &topics {
        lanes.push(kafka.partitions(topic).await.unwrap());
    }
    assert_eq!(lanes, [0, 0, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_show_that_can_get_no_room_keeps_no_other_waiting() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let on_sale_at = Utc::now() + chrono::Duration::days(1);
    let (show, _) = publish(pool, on_sale_at).await;
    let (next, _) = publish(pool, on_sale_at).await;
    // Its room has a line from the beginning; somebody made that before, with too few lanes.
    mark(pool, &show).await;
    waitroom.test_env.kafka.ensure_topic(&format!("line.{show}"), 1, &[]).await.unwrap();
    send(&waitroom, "key", &show, on_sale_at).await;
    send(&waitroom, "key", &next, on_sale_at).await;
    room_when(pool, &next, |_| true).await;
    assert!(room(pool, &show).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_closes_by_itself_a_day_after_its_show_began_whenever_that_was() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let on_sale_at = Utc::now();
    let known = ShowBuilder::new("closing").on_sale_at(on_sale_at);
    known.put_in_catalog(pool).await;
    let show = known.show.show.clone();
    send(&waitroom, "key", &show, on_sale_at).await;
    let made = room_when(pool, &show, |state| state.phase == Phase::Open).await;
    let closes_at = known.show.starts_at + chrono::Duration::days(1);
    let at_that_time = |state: &RoomState| state.closes_at.map(|at| at.timestamp_millis());
    assert_eq!(at_that_time(&made), Some(closes_at.timestamp_millis()));

    // Postponed, as it stands in the catalog: nothing closes yet.
    let due = "UPDATE waitroom.rooms SET closes_at = now() WHERE show = $1";
    sqlx::query(due).bind(&show).execute(pool).await.unwrap();
    let kept =
        room_when(pool, &show, |state| at_that_time(state) == Some(closes_at.timestamp_millis()))
            .await;
    assert_eq!(kept.phase, Phase::Open);

    let over = Utc::now() - chrono::Duration::hours(25);
    known.starts_at(over).put_in_catalog(pool).await;
    sqlx::query(due).bind(&show).execute(pool).await.unwrap();
    room_when(pool, &show, |state| state.phase == Phase::Closed).await;
    assert_eq!(
        room(pool, "r").await.unwrap().unwrap().closes_at,
        None,
        "a room whose show is not in the catalog"
    );

    // A room that an operator makes for a show that is over is closed by the operator.
    let wide = NewRoom {
        room: "late".parse().unwrap(),
        show: id("over"),
        lanes: 1,
        rate_per_sec: 1.0,
        max_active: 10,
        claim_window_secs: 60,
        message: String::new(),
        method: LineMethod::FirstCome,
        entropy_source: EntropySource::None,
        joins_at: None,
        opens_at: None,
        sleeps: false,
    };
    ShowBuilder::new("over").starts_at(over).put_in_catalog(pool).await;
    create_room(pool, &waitroom.test_env.kafka, &wide).await.unwrap();
    assert_eq!(room(pool, "late").await.unwrap().unwrap().closes_at, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_opens_by_itself_only_from_before_the_sale_and_only_when_it_is_time() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let timed = |name: &str, in_secs: i64| NewRoom {
        room: name.parse().unwrap(),
        show: id(&format!("show-of-{name}")),
        lanes: 1,
        rate_per_sec: 1.0,
        max_active: 10,
        claim_window_secs: 60,
        message: String::new(),
        method: LineMethod::FirstCome,
        entropy_source: EntropySource::None,
        joins_at: None,
        opens_at: Some(Utc::now() + chrono::Duration::seconds(in_secs)),
        sleeps: false,
    };
    for new in [timed("early", 3600), timed("closed", 2), timed("due", 2)] {
        create_room(pool, &waitroom.test_env.kafka, &new).await.unwrap();
    }
    let close = RoomChange { phase: Some(Phase::Closed), ..RoomChange::default() };
    change_room(pool, "closed", &close).await.unwrap();
    let due = room_when(pool, "due", |state| state.phase == Phase::Open).await;
    assert!(due.opens_at.is_some_and(|at| at <= Utc::now()));
    assert_eq!(room(pool, "early").await.unwrap().unwrap().phase, Phase::Scheduled);
    assert_eq!(room(pool, "closed").await.unwrap().unwrap().phase, Phase::Closed);
}

async fn suspend(pool: &PgPool, stopped: bool) {
    let mut tx = pool.begin().await.unwrap();
    stop_reseller(&mut tx, RESELLER.into(), stopped, &RequestId::fresh()).await.unwrap();
    tx.commit().await.unwrap();
}

/// Asks an instance for the room's head until it fits.
async fn head_when(
    instance: &Instance,
    room: &str,
    fits: impl Fn(&serde_json::Value) -> bool,
) -> serde_json::Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (_, head) = instance.call("GET", &format!("/v1/rooms/{room}/head"), None).await;
        if fits(&head) {
            return head;
        }
        assert!(Instant::now() < deadline, "{head}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_of_a_suspended_reseller_lets_nobody_in_until_they_may_sell_again() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let tasks = Tasks::default();
    catalog::run(pool.clone(), waitroom.test_env.kafka.clone(), &tasks);
    let (show, _) = publish(pool, Utc::now() - chrono::Duration::hours(1)).await;
    let other = waitroom.another_instance().await;
    let instances = [&waitroom.instance, &other];
    for instance in instances {
        head_when(instance, &show, |head| head["phase"] == "open").await;
    }
    Gate::new(waitroom.test_env.redis.clone()).restore(&show, &[]).await.unwrap();
    // Somebody who was let in, and has not gone in yet.
    let places = format!("/v1/rooms/{show}/places");
    let (_, joined) = waitroom.instance.call("POST", &places, None).await;
    let let_in = joined["ticket"].as_str().unwrap().to_owned();
    let claim = async |instance: &Instance| {
        instance.call("POST", &format!("/v1/rooms/{show}/pass"), Some(&let_in)).await
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    while claim(&waitroom.instance).await.0 != 200 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    suspend(pool, true).await;
    for instance in instances {
        let head = head_when(instance, &show, |head| head["phase"] == "paused").await;
        let told = head["message"].as_str().unwrap();
        assert!(
            told.contains("not sold right now") && told.contains("Places in line are safe"),
            "{told}"
        );
        let (status, refused) = claim(instance).await;
        assert_eq!((status.as_u16(), id_of(&refused).as_str()), (409, "sale-stopped"));
        let (_, page, _) = instance
            .page("GET", &format!("/queue/{show}"), &format!("fg_place_{show}={let_in}"))
            .await;
        assert!(
            page.contains("Nothing is sold right now") && page.contains("Your turn goes until"),
            "{page}"
        );
        // Pressed just then, or reloaded.
        let (enter, cookie) = (format!("/queue/{show}/enter"), format!("fg_place_{show}={let_in}"));
        for method in ["POST", "GET"] {
            assert_eq!(instance.sent_on(method, &enter, &cookie).await, format!("/queue/{show}"));
        }
    }
    assert_eq!(room(pool, &show).await.unwrap().unwrap().stop, Some(Stop::Suspended));
    // Whoever stands in line then is not let in, and an operator who opens the room opens it for
    // later. Controllers look every half second; a machine with much to do takes longer.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let (_, joined) = waitroom.instance.call("POST", &places, None).await;
    let waiting = joined["ticket"].as_str().unwrap().to_owned();
    for phase in [Phase::Paused, Phase::Open] {
        change_room(pool, &show, &RoomChange { phase: Some(phase), ..RoomChange::default() })
            .await
            .unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let path = format!("/v1/rooms/{show}/place");
    let (_, place) = waitroom.instance.call("GET", &path, Some(&waiting)).await;
    assert_eq!(
        (&place["state"], &place["phase"]),
        (&"waiting".into(), &"paused".into()),
        "{place}"
    );

    suspend(pool, false).await;
    for instance in instances {
        let head = head_when(instance, &show, |head| head["phase"] == "open").await;
        assert_eq!(head["message"], "");
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while waitroom.instance.call("GET", &path, Some(&waiting)).await.1["state"] != "your_turn" {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tasks.stop().cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_room_of_a_withdrawn_show_closes_and_says_so() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let tasks = Tasks::default();
    catalog::run(pool.clone(), waitroom.test_env.kafka.clone(), &tasks);
    let (show, _) = publish(pool, Utc::now() - chrono::Duration::hours(1)).await;
    let other = waitroom.another_instance().await;
    head_when(&waitroom.instance, &show, |head| head["phase"] == "open").await;
    let pause = RoomChange { phase: Some(Phase::Paused), ..RoomChange::default() };
    change_room(pool, &show, &pause).await.unwrap();
    head_when(&waitroom.instance, &show, |head| head["phase"] == "paused").await;
    let places = format!("/v1/rooms/{show}/places");
    let (_, joined) = waitroom.instance.call("POST", &places, None).await;
    let cookie = format!("fg_place_{show}={}", joined["ticket"].as_str().unwrap());

    withdraw_own_show(
        pool,
        RESELLER.into(),
        &show,
        "reseller anna@example.org",
        &RequestId::fresh(),
    )
    .await
    .unwrap();
    for instance in [&waitroom.instance, &other] {
        let head = head_when(instance, &show, |head| head["phase"] == "closed").await;
        assert!(head["message"].as_str().unwrap().contains("This show was withdrawn."), "{head}");
        for cookie in [cookie.as_str(), ""] {
            let (_, page, _) = instance.page("GET", &format!("/queue/{show}"), cookie).await;
            assert!(
                page.contains("This show was withdrawn.") && !page.contains("/join\""),
                "{page}"
            );
        }
        let (status, refused) = instance.call("POST", &places, None).await;
        assert_eq!((status.as_u16(), id_of(&refused).as_str()), (410, "show-withdrawn"));
    }
    // An event that comes late or again makes no room, and opens none.
    suspend(pool, true).await;
    suspend(pool, false).await;
    let (next, _) = publish(pool, Utc::now() - chrono::Duration::hours(1)).await;
    room_when(pool, &next, |state| state.phase == Phase::Open).await;
    assert_eq!(room(pool, &show).await.unwrap().unwrap().phase, Phase::Closed);
    tasks.stop().cancel();
}

fn late_room(show: ShowId) -> NewRoom {
    NewRoom {
        room: "late".parse().unwrap(),
        show,
        lanes: 1,
        rate_per_sec: 3.0,
        max_active: 10,
        claim_window_secs: 60,
        message: String::new(),
        method: LineMethod::FirstCome,
        entropy_source: EntropySource::None,
        joins_at: None,
        opens_at: None,
        sleeps: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_made_while_its_sale_is_stopped_is_stopped_too() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let (show, _) = publish(pool, Utc::now() - chrono::Duration::hours(1)).await;
    suspend(pool, true).await;
    create_room(pool, &waitroom.test_env.kafka, &late_room(show)).await.unwrap();
    assert_eq!(room(pool, "late").await.unwrap().unwrap().stop, Some(Stop::Suspended));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_closed_promises_nothing_while_its_seller_is_suspended() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let (show, _) = publish(pool, Utc::now() - chrono::Duration::hours(1)).await;
    suspend(pool, true).await;
    create_room(pool, &waitroom.test_env.kafka, &late_room(show)).await.unwrap();
    head_when(&waitroom.instance, "late", |head| {
        head["message"].as_str().is_some_and(|it| it.contains("in line are safe"))
    })
    .await;
    let close = RoomChange { phase: Some(Phase::Closed), ..RoomChange::default() };
    change_room(pool, "late", &close).await.unwrap();
    let head = head_when(&waitroom.instance, "late", |head| head["phase"] == "closed").await;
    assert_eq!(head["message"], "");
}

/// Waits until a transaction waits for another.
async fn somebody_waits(pool: &PgPool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock')";
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(pool).await.unwrap() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_ends_while_a_room_learns_of_it_does_not_stay() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let (pool, kafka) = (&waitroom.test_env.pool, &waitroom.test_env.kafka);
    let (show, _) = publish(pool, Utc::now() - chrono::Duration::hours(1)).await;
    let new = late_room(show);
    create_room(pool, kafka, &new).await.unwrap();
    for (before, after) in [(true, None), (false, Some(Stop::Suspended))] {
        suspend(pool, before).await;
        let mut steering = pool.begin().await.unwrap();
        sqlx::query("SELECT FROM waitroom.rooms WHERE room = 'late' FOR UPDATE")
            .execute(&mut *steering)
            .await
            .unwrap();
        let follower = tokio::spawn({
            let (pool, kafka, new) = (pool.clone(), kafka.clone(), new.clone());
            async move { create_room(&pool, &kafka, &new).await }
        });
        somebody_waits(pool).await;
        suspend(pool, !before).await;
        steering.commit().await.unwrap();
        follower.await.unwrap().unwrap();
        assert_eq!(room(pool, "late").await.unwrap().unwrap().stop, after);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalog_is_told_when_a_line_opens() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let sale = async |show: &str| {
        catalog::contract::sale_state(pool, &show.parse().unwrap()).await.unwrap()
    };
    // One whose time has come, and whose line nobody opened.
    let late = ShowBuilder::new("late").on_sale_at(Utc::now() - chrono::Duration::hours(1));
    late.put_in_catalog(pool).await;
    RoomBuilder::new("late").create(pool, &waitroom.test_env.kafka).await;
    assert_eq!(sale("late").await, Some(SaleState::NotYet));
    // One whose line was opened before its time; a pause ends no sale.
    let early = ShowBuilder::new("s").on_sale_at(Utc::now() + chrono::Duration::hours(1));
    early.put_in_catalog(pool).await;
    assert_eq!(sale("s").await, Some(SaleState::NotYet));
    for phase in [Phase::Open, Phase::Paused] {
        waitroom.set_phase(phase).await;
        assert_eq!(sale("s").await, Some(SaleState::OnSale), "{phase}");
    }
    waitroom.set_phase(Phase::Closed).await;
    assert_eq!(sale("s").await, Some(SaleState::Closed));
}
