//! Allotments and the events that carry them, through a real Kafka.

use std::time::{Duration, Instant};

use catalog::contract::{
    self, Allotment, CATALOG_TOPIC, CatalogError, CatalogEvent, NewTicketType, Settled, ShowDraft,
    ShowId, TicketTypeId, allotments, change_allotment, put_allotment, settle_allotment,
};
use chrono::{DateTime, Utc};
use kit::{http::RequestId, kafka::ReaderContext, serve::Tasks};
use rdkafka::{
    Message,
    consumer::{Consumer, StreamConsumer},
};
use sqlx::PgPool;
use testkit::{TestEnv, id};
use uuid::Uuid;

use crate::{
    a_show,
    resellers::{ANNA, a_draft, draft_of, publish, standing},
};

async fn allot(
    pool: &PgPool,
    show: &ShowId,
    of: TicketTypeId,
    count: i32,
) -> Result<Allotment, CatalogError> {
    change_allotment(pool, ANNA.into(), show, of, count, &RequestId::fresh()).await
}

/// The events that wait in the outbox, oldest first.
async fn waiting(pool: &PgPool) -> Vec<CatalogEvent> {
    let rows: Vec<serde_json::Value> =
        sqlx::query_scalar("SELECT payload FROM catalog.outbox ORDER BY id")
            .fetch_all(pool)
            .await
            .unwrap();
    rows.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect()
}

fn changes(events: &[CatalogEvent]) -> Vec<(TicketTypeId, i32, i64)> {
    let change = |event: &CatalogEvent| match event {
        CatalogEvent::AllotmentChanged { ticket_type, allotted, revision, .. } => {
            Some((*ticket_type, *allotted, *revision))
        }
        CatalogEvent::ShowPublished { .. } | CatalogEvent::SaleChanged { .. } => None,
    };
    events.iter().filter_map(change).collect()
}

#[tokio::test]
async fn publishing_says_all_that_is_to_be_sold_and_changes_wait_for_an_answer() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (_, show, floor) = draft_of(pool, ANNA).await;
    let balcony = NewTicketType { name: "Balcony".to_owned(), ..standing() };
    let balcony =
        contract::put_ticket_type(pool, ANNA.into(), &show, None, &balcony).await.unwrap();
    for count in [10, 50, 50] {
        let changed = allot(pool, &show, floor, count).await.unwrap();
        assert_eq!(
            (changed.allotted, changed.wanted, changed.revision),
            (count, None, 0),
            "a draft's, at once"
        );
    }
    assert!(waiting(pool).await.is_empty(), "a draft is nobody's business");
    publish(pool, ANNA, &show).await.unwrap();
    let events = waiting(pool).await;
    let published = matches!(&events[0],
        CatalogEvent::ShowPublished { show: published, .. } if *published == show);
    assert!(published, "{events:?}");
    assert_eq!(changes(&events), [(floor, 50, 1), (balcony, 0, 1)], "one for each type");

    assert!(matches!(allot(pool, &show, floor, 60).await, Err(CatalogError::AllotmentWaiting)));
    assert_eq!(
        allot(pool, &show, floor, 50).await.unwrap().wanted,
        Some(50),
        "what is under way is not asked again"
    );
    assert_eq!(waiting(pool).await.len(), 3);
    settle_allotment(pool, floor, 1, Settled::Applied).await.unwrap();
    let changed = allot(pool, &show, floor, 60).await.unwrap();
    assert_eq!((changed.allotted, changed.wanted, changed.revision), (50, Some(60), 2));
    assert_eq!(changes(&waiting(pool).await).last(), Some(&(floor, 60, 2)));
}

#[tokio::test]
async fn answers_count_once_and_in_order() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (_, show, floor) = draft_of(pool, ANNA).await;
    allot(pool, &show, floor, 50).await.unwrap();
    publish(pool, ANNA, &show).await.unwrap();
    let now = || async { allotments(pool, &show).await.unwrap().remove(0) };
    settle_allotment(pool, floor, 1, Settled::Applied).await.unwrap();
    allot(pool, &show, floor, 20).await.unwrap();
    let before = now().await;
    for late in [Settled::Applied, Settled::Refused("too late".to_owned())] {
        settle_allotment(pool, floor, 1, late).await.unwrap();
        assert_eq!(now().await, before, "an answer to an earlier change");
    }
    settle_allotment(pool, floor, 2, Settled::Refused("30 are sold".to_owned())).await.unwrap();
    let refused = now().await;
    assert_eq!(
        (refused.allotted, refused.wanted, refused.refusal.as_deref()),
        (50, None, Some("30 are sold"))
    );
    settle_allotment(pool, floor, 2, Settled::Applied).await.unwrap();
    assert_eq!(now().await, refused, "an answer is given once");
    let content = allot(pool, &show, floor, 50).await.unwrap();
    assert_eq!(
        (content.allotted, content.revision, content.refusal),
        (50, 2, None),
        "the refusal is done with"
    );
    let again = allot(pool, &show, floor, 30).await.unwrap();
    assert_eq!((again.wanted, again.revision, again.refusal), (Some(30), 3, None));
    settle_allotment(pool, floor, 3, Settled::Applied).await.unwrap();
    assert_eq!((now().await.allotted, now().await.wanted), (30, None));
    let unfit = allot(pool, &show, floor, 1_000_001).await;
    assert!(matches!(unfit, Err(CatalogError::Field { field: "allotted", .. })));
}

#[tokio::test]
async fn what_the_house_puts_twice_is_told_once() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let of = contract::put_show(pool, &a_show("house")).await.unwrap()[0].ticket_type;
    for count in [5, 5, 8] {
        put_allotment(pool, &id("house"), of, count).await.unwrap();
    }
    assert_eq!(changes(&waiting(pool).await), [(of, 5, 1), (of, 8, 2)]);
    settle_allotment(pool, of, 2, Settled::Applied).await.unwrap();
    put_allotment(pool, &id("house"), of, 8).await.unwrap();
    assert_eq!(waiting(pool).await.len(), 2);
    assert!(put_allotment(pool, &id("house"), Uuid::nil().into(), 8).await.is_err());
    assert!(put_allotment(pool, &id("house"), of, -1).await.is_err());
}

/// Reads the topic from its beginning until it has `count` events: key, event, request id.
async fn published(test_env: &TestEnv, count: usize) -> Vec<(String, CatalogEvent, String)> {
    contract::ensure_catalog_topic(&test_env.kafka).await.unwrap();
    let reader: StreamConsumer<ReaderContext> = test_env.kafka.reader().unwrap();
    reader.subscribe(&[&test_env.kafka.name(CATALOG_TOPIC)]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut seen = Vec::new();
    while seen.len() < count {
        let left = deadline.saturating_duration_since(Instant::now());
        let received = tokio::time::timeout(left, reader.recv()).await.expect("all events in time");
        let Ok(message) = received else { continue };
        let event = serde_json::from_slice(message.payload().unwrap()).unwrap();
        let key = String::from_utf8(message.key().unwrap().to_vec()).unwrap();
        seen.push((key, event, kit::kafka::request_id(&message).0));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_kafka_in_order_whatever_shows_change_at_once() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    // Two relays, as in two processes: one at a time relays.
    let tasks = Tasks::default();
    for _ in 0..2 {
        catalog::run(pool.clone(), test_env.kafka.clone(), &tasks);
    }
    let mut houses = Vec::new();
    for show in ["one", "two", "three"] {
        houses.push((
            id(show),
            contract::put_show(pool, &a_show(show)).await.unwrap()[0].ticket_type,
        ));
    }
    let changing = houses.iter().map(|(show, of)| async move {
        for count in 1..=20 {
            put_allotment(pool, show, *of, count).await.unwrap();
        }
    });
    futures::future::join_all(changing).await;
    let (_, show, floor) = draft_of(pool, ANNA).await;
    allot(pool, &show, floor, 50).await.unwrap();
    let request = RequestId("the-request".to_owned());
    contract::publish_show(pool, ANNA.into(), &show, &request).await.unwrap();

    let seen = published(&test_env, 62).await;
    for (house, of) in houses {
        let events: Vec<_> = seen
            .iter()
            .filter(|(key, ..)| *key == *house)
            .map(|(_, event, _)| event.clone())
            .collect();
        let expected: Vec<_> = (1..=20).map(|count| (of, count, i64::from(count))).collect();
        assert_eq!(changes(&events), expected);
    }
    let own: Vec<_> = seen.iter().filter(|(key, ..)| **key == *show).collect();
    assert!(
        matches!(own[0].1, CatalogEvent::ShowPublished { .. }),
        "the show is told before its stock"
    );
    assert!(own.iter().all(|(.., id)| id == "the-request"), "the request's id travels along");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !waiting(pool).await.is_empty() {
        assert!(Instant::now() < deadline, "what was published is forgotten");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tasks.stop().cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_show_at_the_same_moment_are_told_one_behind_the_other() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let of = contract::put_show(pool, &a_show("house")).await.unwrap()[0].ticket_type;
    let house = id("house");
    let changes_at_once = (1..=30).map(|count| put_allotment(pool, &house, of, count));
    for put in futures::future::join_all(changes_at_once).await {
        put.unwrap();
    }
    let told = changes(&waiting(pool).await);
    let revisions: Vec<_> = told.iter().map(|(.., revision)| *revision).collect();
    assert_eq!(revisions, (1..=30).collect::<Vec<_>>(), "in the order of the outbox, none twice");
    let last = allotments(pool, &id("house")).await.unwrap().remove(0);
    assert_eq!(
        last.wanted,
        told.last().map(|(_, count, _)| *count),
        "the last one told is the one that counts"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_answered_for_a_minute_is_asked_again_until_somebody_does() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (_, show, floor) = draft_of(pool, ANNA).await;
    allot(pool, &show, floor, 50).await.unwrap();
    publish(pool, ANNA, &show).await.unwrap();
    let of_house = contract::put_show(pool, &a_show("house")).await.unwrap();
    let (late, young) = (of_house[0].ticket_type, of_house[1].ticket_type);
    put_allotment(pool, &id("house"), late, 5).await.unwrap();
    put_allotment(pool, &id("house"), young, 6).await.unwrap();
    let lost = changes(&waiting(pool).await);
    sqlx::query("DELETE FROM catalog.outbox").execute(pool).await.unwrap();
    let age = "UPDATE catalog.allotments SET asked_at = asked_at - interval '1 minute' WHERE \
        ticket_type = ANY($1)";
    sqlx::query(age).bind([floor, late]).execute(pool).await.unwrap();

    let tasks = Tasks::default();
    catalog::run(pool.clone(), test_env.kafka.clone(), &tasks);
    let seen: Vec<_> =
        published(&test_env, 2).await.into_iter().map(|(_, event, _)| event).collect();
    let mut told = changes(&seen);
    told.sort_by_key(|(of, ..)| *of != floor);
    assert_eq!(
        told,
        lost.iter().filter(|(of, ..)| *of != young).copied().collect::<Vec<_>>(),
        "as it was, and no other"
    );
    settle_allotment(pool, late, 1, Settled::Applied).await.unwrap();
    sqlx::query(age).bind([floor, late]).execute(pool).await.unwrap();
    let seen: Vec<_> =
        published(&test_env, 3).await.into_iter().map(|(_, event, _)| event).collect();
    assert_eq!(changes(&seen)[2..], [(floor, 50, 1)], "who answered is asked no more");
    tasks.stop().cancel();
}

#[tokio::test]
async fn a_sale_that_moves_is_told_and_one_that_stays_is_not() {
    let test_env = TestEnv::new().await;
    let pool = &test_env.pool;
    let (venue, show, floor) = draft_of(pool, ANNA).await;
    allot(pool, &show, floor, 50).await.unwrap();
    let earlier: DateTime<Utc> = Utc::now() + chrono::Duration::hours(2);
    let draft = ShowDraft { on_sale_at: earlier, ..a_draft(venue) };
    contract::change_show(pool, ANNA.into(), &show, &draft).await.unwrap();
    assert!(waiting(pool).await.is_empty(), "a draft's moves unseen");
    publish(pool, ANNA, &show).await.unwrap();
    let told = waiting(pool).await.len();
    contract::change_show(pool, ANNA.into(), &show, &draft).await.unwrap();
    assert_eq!(waiting(pool).await.len(), told, "it did not move");
    let later = ShowDraft { on_sale_at: earlier + chrono::Duration::hours(1), ..draft };
    contract::change_show(pool, ANNA.into(), &show, &later).await.unwrap();
    let last = waiting(pool).await.pop().unwrap();
    assert!(
        matches!(last, CatalogEvent::ShowPublished { on_sale_at, .. } if on_sale_at > earlier),
        "{last:?}"
    );
}
