//! Published shows get rooms, and rooms open when the sale begins.

use std::time::{Duration, Instant};

use catalog::contract::{
    CATALOG_TOPIC, CatalogEvent, NewTicketType, ShowDraft, Venue, change_allotment, change_show, create_show,
    ensure_catalog_topic, publish_show, put_ticket_type, put_venue,
};
use chrono::{DateTime, Utc};
use kit::{http::RequestId, kafka::ProducerBounds, serve::Tasks};
use rdkafka::producer::FutureRecord;
use sqlx::PgPool;
use waitroom::contract::{NewRoom, Phase, RoomChange, RoomState, change_room, create_room, room, rooms};

use crate::hall::Hall;

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

/// A show with tickets, published.
async fn publish(pool: &PgPool, on_sale_at: DateTime<Utc>) -> (String, ShowDraft) {
    let hall = Venue {
        name: "A hall".to_owned(),
        city: "Bergen".to_owned(),
        country: "NO".to_owned(),
        address: String::new(),
        time_zone: "Europe/Oslo".to_owned(),
    };
    let draft = draft(put_venue(pool, RESELLER, None, &hall).await.unwrap(), on_sale_at);
    let show = create_show(pool, RESELLER, &draft).await.unwrap();
    let standing = NewTicketType {
        name: "Standing".to_owned(),
        description: String::new(),
        price_minor: 100,
        currency: "NOK".to_owned(),
        per_order_max: 4,
    };
    let ticket_type = put_ticket_type(pool, RESELLER, &show, None, &standing).await.unwrap();
    let request = RequestId::fresh();
    change_allotment(pool, RESELLER, &show, ticket_type, 50, &request).await.unwrap();
    publish_show(pool, RESELLER, &show, &request).await.unwrap();
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
    let hall = Hall::create(1, 10.0, 60).await;
    let pool = &hall.corner.pool;
    let tasks = Tasks::default();
    catalog::run(pool.clone(), hall.corner.kafka.clone(), &tasks);
    let on_sale_at = Utc::now() + chrono::Duration::days(1);
    let (show, draft) = publish(pool, on_sale_at).await;

    let made = room_when(pool, &show, |_| true).await;
    assert_eq!((made.show.as_str(), made.phase, made.lanes), (show.as_str(), Phase::Scheduled, 4));
    assert_eq!((made.rate_per_sec, made.max_active, made.claim_window_secs), (200.0, 2000, 120));
    assert_eq!(made.opens_at.map(|at| at.timestamp_millis()), Some(on_sale_at.timestamp_millis()));

    // The sale moves to a moment that has come; the room follows and opens.
    let now = ShowDraft { on_sale_at: Utc::now(), ..draft };
    change_show(pool, RESELLER, &show, &now).await.unwrap();
    room_when(pool, &show, |state| state.phase == Phase::Open).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let (status, joined) = hall.instance.call("POST", &format!("/v1/rooms/{show}/places"), None).await;
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
    let hall = Hall::create(1, 10.0, 60).await;
    let pool = &hall.corner.pool;
    let (show, _) = publish(pool, Utc::now() - chrono::Duration::hours(1)).await;
    let own = NewRoom {
        room: "own".to_owned(),
        show: show.clone(),
        lanes: 2,
        rate_per_sec: 3.0,
        max_active: 10,
        claim_window_secs: 60,
        message: String::new(),
        opens_at: None,
    };
    create_room(pool, &hall.corner.kafka, &own).await.unwrap();
    // Told only now, and behind it a show without a room, whose room says when both were heard.
    let tasks = Tasks::default();
    catalog::run(pool.clone(), hall.corner.kafka.clone(), &tasks);
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
async fn a_room_that_was_set_back_to_draft_follows_its_sale() {
    let hall = Hall::create(1, 10.0, 60).await;
    let pool = &hall.corner.pool;
    let tasks = Tasks::default();
    catalog::run(pool.clone(), hall.corner.kafka.clone(), &tasks);
    let (show, draft) = publish(pool, Utc::now() + chrono::Duration::days(1)).await;
    room_when(pool, &show, |_| true).await;
    let back = RoomChange { phase: Some(Phase::Draft), ..RoomChange::default() };
    change_room(pool, &show, &back).await.unwrap();
    let later = Utc::now() + chrono::Duration::days(2);
    change_show(pool, RESELLER, &show, &ShowDraft { on_sale_at: later, ..draft }).await.unwrap();
    room_when(pool, &show, |state| state.opens_at.map(|at| at.timestamp_millis()) == Some(later.timestamp_millis()))
        .await;
    tasks.stop().cancel();
}

/// Sends an event to the catalog's topic, under a key.
async fn send(hall: &Hall, key: &str, show: &str, on_sale_at: DateTime<Utc>) {
    let event = CatalogEvent::ShowPublished { show: show.to_owned(), on_sale_at };
    let bounds = ProducerBounds { queue_messages_max: 10, delivery_ms_max: 5_000, linger_ms: 0 };
    ensure_catalog_topic(&hall.corner.kafka).await.unwrap();
    let (producer, topic) = (hall.corner.kafka.producer(bounds).unwrap(), hall.corner.kafka.name(CATALOG_TOPIC));
    let payload = serde_json::to_vec(&event).unwrap();
    let record = FutureRecord::to(&topic).key(key).payload(&payload);
    producer.send(record, Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_late_opens_nothing() {
    let hall = Hall::create(1, 10.0, 60).await;
    let pool = &hall.corner.pool;
    let on_sale_at = Utc::now() + chrono::Duration::days(1);
    let (show, _) = publish(pool, on_sale_at).await;
    let (next, _) = publish(pool, on_sale_at).await;
    send(&hall, "key", &show, on_sale_at).await;
    room_when(pool, &show, |_| true).await;
    // The sale began yesterday, before it was moved; the room of the next show tells that this was read.
    send(&hall, "key", &show, Utc::now() - chrono::Duration::days(1)).await;
    send(&hall, "key", &next, on_sale_at).await;
    room_when(pool, &next, |_| true).await;
    let kept = room(pool, &show).await.unwrap().unwrap();
    assert_eq!(kept.opens_at.map(|at| at.timestamp_millis()), Some(on_sale_at.timestamp_millis()));
    assert_eq!(kept.phase, Phase::Scheduled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_show_that_can_get_no_room_keeps_no_other_waiting() {
    let hall = Hall::create(1, 10.0, 60).await;
    let pool = &hall.corner.pool;
    let on_sale_at = Utc::now() + chrono::Duration::days(1);
    let (show, _) = publish(pool, on_sale_at).await;
    let (next, _) = publish(pool, on_sale_at).await;
    // Somebody made its line before, with too few lanes.
    hall.corner.kafka.ensure_topic(&format!("line.{show}"), 1, &[]).await.unwrap();
    send(&hall, "key", &show, on_sale_at).await;
    send(&hall, "key", &next, on_sale_at).await;
    room_when(pool, &next, |_| true).await;
    assert!(room(pool, &show).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_closes_by_itself_a_day_after_its_show_began_whenever_that_was() {
    let hall = Hall::create(1, 10.0, 60).await;
    let pool = &hall.corner.pool;
    let (show, draft) = publish(pool, Utc::now()).await;
    send(&hall, "key", &show, draft.on_sale_at).await;
    let made = room_when(pool, &show, |state| state.phase == Phase::Open).await;
    let closes_at = draft.starts_at + chrono::Duration::days(1);
    let at_that_time = |state: &RoomState| state.closes_at.map(|at| at.timestamp_millis());
    assert_eq!(at_that_time(&made), Some(closes_at.timestamp_millis()));

    // Postponed, as it stands in the catalog: nothing closes yet.
    let due = "UPDATE waitroom.rooms SET closes_at = now() WHERE show = $1";
    sqlx::query(due).bind(&show).execute(pool).await.unwrap();
    let kept = room_when(pool, &show, |state| at_that_time(state) == Some(closes_at.timestamp_millis())).await;
    assert_eq!(kept.phase, Phase::Open);

    let over =
        "UPDATE catalog.shows SET doors_at = now() - interval '25 hours', starts_at = now() - interval '25 hours'
                WHERE show = $1";
    sqlx::query(over).bind(&show).execute(pool).await.unwrap();
    sqlx::query(due).bind(&show).execute(pool).await.unwrap();
    room_when(pool, &show, |state| state.phase == Phase::Closed).await;
    assert_eq!(room(pool, "r").await.unwrap().unwrap().closes_at, None, "a room whose show is not in the catalog");

    // A room that an operator makes for a show that is over is closed by the operator.
    let wide = NewRoom {
        room: "late".to_owned(),
        show: publish(pool, Utc::now()).await.0,
        lanes: 1,
        rate_per_sec: 1.0,
        max_active: 10,
        claim_window_secs: 60,
        message: String::new(),
        opens_at: None,
    };
    sqlx::query(over).bind(&wide.show).execute(pool).await.unwrap();
    create_room(pool, &hall.corner.kafka, &wide).await.unwrap();
    assert_eq!(room(pool, "late").await.unwrap().unwrap().closes_at, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_opens_by_itself_only_from_before_the_sale_and_only_when_it_is_time() {
    let hall = Hall::create(1, 10.0, 60).await;
    let pool = &hall.corner.pool;
    let timed = |name: &str, in_secs: i64| NewRoom {
        room: name.to_owned(),
        show: format!("show-of-{name}"),
        lanes: 1,
        rate_per_sec: 1.0,
        max_active: 10,
        claim_window_secs: 60,
        message: String::new(),
        opens_at: Some(Utc::now() + chrono::Duration::seconds(in_secs)),
    };
    for new in [timed("early", 3600), timed("closed", 2), timed("due", 2)] {
        create_room(pool, &hall.corner.kafka, &new).await.unwrap();
    }
    let close = RoomChange { phase: Some(Phase::Closed), ..RoomChange::default() };
    change_room(pool, "closed", &close).await.unwrap();
    let due = room_when(pool, "due", |state| state.phase == Phase::Open).await;
    assert!(due.opens_at.is_some_and(|at| at <= Utc::now()));
    assert_eq!(room(pool, "early").await.unwrap().unwrap().phase, Phase::Scheduled);
    assert_eq!(room(pool, "closed").await.unwrap().unwrap().phase, Phase::Closed);
}
