//! Steering rooms through the contract.

use testkit::id;
use waitroom::contract::{
    Phase, RoomChange, RoomError, change_room_in, room, room_of_show, rooms, wait_secs,
};

use crate::test_waitroom::TestWaitroom;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_tells_before_and_after_and_belongs_to_its_transaction() {
    let waitroom = TestWaitroom::create(2, 10.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let faster =
        RoomChange { rate_per_sec: Some(25.0), max_active: Some(7), ..RoomChange::default() };
    let mut tx = pool.begin().await.unwrap();
    let changed = change_room_in(&mut tx, "r", &faster).await.unwrap();
    assert_eq!((changed.before.rate_per_sec, changed.after.rate_per_sec), (10.0, 25.0));
    drop(tx);
    assert_eq!(
        room(pool, "r").await.unwrap().unwrap(),
        changed.before,
        "a change that was not committed is none"
    );

    let mut tx = pool.begin().await.unwrap();
    change_room_in(&mut tx, "r", &faster).await.unwrap();
    tx.commit().await.unwrap();
    waitroom.instance.head_when(|head| head["rate_per_sec"] == 25.0).await;
    let all = rooms(pool).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].max_active, all[0].claim_window_secs, all[0].phase),
        (7, 60, Phase::Scheduled)
    );
    assert_eq!(room_of_show(pool, &id("s")).await.unwrap().as_deref(), Some("r"));
    assert_eq!(room_of_show(pool, &id("other")).await.unwrap(), None);
    assert!(room(pool, "other").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_changes_nothing_and_leaves_the_transaction_whole() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    let before = room(&waitroom.test_env.pool, "r").await.unwrap().unwrap();
    let mut tx = waitroom.test_env.pool.begin().await.unwrap();
    let paused =
        RoomChange { phase: Some(Phase::Paused), rate_per_sec: Some(1.0), ..RoomChange::default() };
    let refused = change_room_in(&mut tx, "r", &paused).await;
    assert!(matches!(
        refused,
        Err(RoomError::PhaseCannotFollow { from: Phase::Scheduled, to: Phase::Paused })
    ));
    let negative = RoomChange {
        rate_per_sec: Some(-1.0),
        message: Some("hello".to_owned()),
        ..RoomChange::default()
    };
    let refused = change_room_in(&mut tx, "r", &negative).await;
    assert!(matches!(refused, Err(RoomError::Value { field: "rate_per_sec", .. })));
    assert!(matches!(
        change_room_in(&mut tx, "other", &RoomChange::default()).await,
        Err(RoomError::Unknown)
    ));
    tx.commit().await.unwrap();
    assert_eq!(room(&waitroom.test_env.pool, "r").await.unwrap().unwrap(), before);
}

#[test]
fn a_preview_tells_what_the_page_would() {
    assert_eq!(wait_secs(100, 5.0), Some((16, 27)));
    assert_eq!(wait_secs(100, 0.0), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_rooms_show_page_does_not_sell() {
    let waitroom = TestWaitroom::open(1, 10.0).await;
    waitroom.put_show().await;
    let (pages, _) =
        catalog::router(catalog::App { pool: waitroom.test_env.pool.clone() }).split_for_parts();
    let read = || async {
        let asked = axum::http::Request::get("/shows/s").body(axum::body::Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(pages.clone(), asked).await.unwrap();
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    };
    waitroom.set_phase(Phase::Paused).await;
    assert!(read().await.contains("Get tickets"), "a pause ends nothing");
    waitroom.set_phase(Phase::Closed).await;
    let page = read().await;
    assert!(page.contains("The sale has ended.") && !page.contains("/queue/s"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_for_what_can_be_a_show() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    for wrong in ["", "Harbour Lights", "-s"] {
        let update = sqlx::query("UPDATE waitroom.rooms SET show = $1 WHERE room = 'r'");
        let refused = update.bind(wrong).execute(&waitroom.test_env.pool).await.unwrap_err();
        let constraint = refused.as_database_error().and_then(|error| error.constraint());
        assert_eq!(constraint, Some("rooms_show_form"), "{wrong}");
    }
}
