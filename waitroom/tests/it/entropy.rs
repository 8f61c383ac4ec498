//! What is mixed into a draw: chosen before anybody can join, entered or fetched after entries
//! closed, and never left out.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use admission::contract::{Entropy, EntropySource, LineMethod, QUICKNET};
use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use waitroom::contract::{
    DrandEntry, EnteringError, EntropyEntry, EntropyFixed, Phase, RoomChange, RoomError,
    change_room, change_room_in, enter_entropy_in, room,
};

use crate::test_waitroom::TestWaitroom;

/// Quicknet's round 1000, as it was published.
const SIGNATURE: &str = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125\
                         e342b73a8dd2bacbe47e4b6b63ed5e39";
const RANDOMNESS: &str = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";
/// A round of its own that somebody passes off as another.
const OTHER: &str = "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482\
                     e26cd02df835d3546d23c4b13e0dfc92";

/// A room in which fans can join, whose draw mixes this in.
async fn pre_queue(source: EntropySource) -> TestWaitroom {
    let waitroom = TestWaitroom::create(2, 1000.0, 60).await;
    let change = RoomChange {
        method: Some(LineMethod::Draw),
        entropy_source: Some(source),
        ..RoomChange::default()
    };
    change_room(&waitroom.test_env.pool, "r", &change).await.unwrap();
    waitroom.set_phase(Phase::PreQueue).await;
    waitroom
}

/// Closes entries as if it were a moment before round 1000.
async fn close_entries_in_2023(waitroom: &TestWaitroom) {
    let closed = "UPDATE waitroom.draws SET ends = '{2,1}', frozen_at = $1 WHERE room = 'r'";
    let frozen_at = QUICKNET.time(999).unwrap();
    sqlx::query(closed).bind(frozen_at).execute(&waitroom.test_env.pool).await.unwrap();
    waitroom.set_phase(Phase::Drawing).await;
}

async fn enter(
    waitroom: &TestWaitroom,
    entry: &EntropyEntry,
) -> Result<EntropyFixed, EnteringError> {
    let mut tx = waitroom.test_env.pool.begin().await.unwrap();
    let entered = enter_entropy_in(&mut tx, "r", entry).await;
    tx.commit().await.unwrap();
    entered
}

fn text(text: &str) -> EntropyEntry {
    EntropyEntry::Text(text.to_owned())
}

async fn opened(waitroom: &TestWaitroom) -> Value {
    waitroom.instance.head_when(|head| head["phase"] == "open").await.0
}

/// How one relay of the test answers.
#[derive(Clone, Copy)]
enum Relay {
    Honest,
    /// Tells a signature that is another round's.
    Lies,
    /// Takes the question and never answers.
    Hangs,
    /// Has no such round yet.
    Lags,
}

/// A relay, where it is, and how often it was asked.
async fn relay(how: Relay) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let answer = move |Path((chain, round)): Path<(String, u64)>| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            assert_eq!((chain.as_str(), round), (QUICKNET.hash, 1000));
            told(how).await
        }
    };
    let router = Router::new().route("/drand/{chain}/public/{round}", get(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/drand/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, asked)
}

async fn told(how: Relay) -> Response {
    let round = |signature: &str| {
        let round = json!({"round": 1000, "randomness": RANDOMNESS, "signature": signature});
        Json(round).into_response()
    };
    match how {
        Relay::Honest => round(SIGNATURE),
        Relay::Lies => round(OTHER),
        Relay::Hangs => pending().await,
        Relay::Lags => StatusCode::NOT_FOUND.into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_is_fetched_past_relays_that_lie_hang_lag_or_are_down() {
    let waitroom = pre_queue(EntropySource::Drand).await;
    for _ in 0..3 {
        waitroom.instance.join().await;
    }
    let (liar, lied) = relay(Relay::Lies).await;
    let (hanging, hung) = relay(Relay::Hangs).await;
    let (lagging, lagged) = relay(Relay::Lags).await;
    let (honest, _) = relay(Relay::Honest).await;
    let down = "http://127.0.0.1:1";
    let relays = [liar.as_str(), hanging.as_str(), &lagging, down, &honest].join(",");
    let _fetching = waitroom.instance_with("FAIRGATE_DRAND_URLS", &relays).await;
    close_entries_in_2023(&waitroom).await;
    let head = opened(&waitroom).await;
    assert_eq!(
        head["draw"]["entropy"],
        json!({
            "source": "drand", "chain": QUICKNET.hash, "round": 1000, "signature": SIGNATURE,
        })
    );
    for asked in [lied, hung, lagged] {
        assert_eq!(asked.load(Ordering::Relaxed), 1, "each was asked before the honest one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_no_relay_tells_is_waited_for_and_may_be_entered_by_hand() {
    let waitroom = pre_queue(EntropySource::Drand).await;
    let (liar, lied) = relay(Relay::Lies).await;
    let _fetching = waitroom.instance_with("FAIRGATE_DRAND_URLS", &liar).await;
    close_entries_in_2023(&waitroom).await;
    // Asked again and again, and nothing else is mixed in instead.
    while lied.load(Ordering::Relaxed) < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let state = room(&waitroom.test_env.pool, "r").await.unwrap().unwrap();
    assert_eq!((state.phase, state.draw.unwrap().entropy), (Phase::Drawing, None));
    let by_hand = |round, signature: &str| {
        EntropyEntry::Drand(DrandEntry { round, signature: signature.parse().unwrap() })
    };
    for (round, signature, expected) in
        [(1001, SIGNATURE, "drand.round"), (1000, OTHER, "drand.signature")]
    {
        match enter(&waitroom, &by_hand(round, signature)).await {
            Err(EnteringError::Value { field, .. }) => assert_eq!(field, expected),
            other => panic!("{other:?}"),
        }
    }
    let fixed = enter(&waitroom, &by_hand(1000, SIGNATURE)).await.unwrap();
    assert!(!fixed.was_fixed && matches!(fixed.entropy, Entropy::Drand(_)), "{fixed:?}");
    assert_eq!(opened(&waitroom).await["draw"]["entropy"]["round"], 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_taken_once_entries_are_closed_and_the_draw_is_made_with_it() {
    let waitroom = pre_queue(EntropySource::Operator).await;
    for _ in 0..3 {
        waitroom.instance.join().await;
    }
    let early = enter(&waitroom, &text("4 2 6")).await;
    assert!(matches!(early, Err(EnteringError::EntriesOpen)), "{early:?}");
    waitroom.set_phase(Phase::Drawing).await;
    let (head, _) = waitroom.instance.head_when(|head| !head["draw"]["frozen_at"].is_null()).await;
    assert_eq!(head["draw"]["ends"], json!([2, 1]));
    // Long enough for a draw that does not wait.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let state = room(&waitroom.test_env.pool, "r").await.unwrap().unwrap();
    assert_eq!(state.phase, Phase::Drawing, "nothing is mixed in instead");

    let fixed = enter(&waitroom, &text("4 2 6")).await.unwrap();
    let again = enter(&waitroom, &text("4 2 6")).await.unwrap();
    assert_eq!((fixed.was_fixed, again.was_fixed), (false, true));
    assert_eq!(fixed.entropy, again.entropy);
    match enter(&waitroom, &text("4 2 5")).await {
        Err(EnteringError::Fixed(told)) => assert_eq!(*told, fixed.entropy),
        other => panic!("{other:?}"),
    }
    let draw = opened(&waitroom).await["draw"].clone();
    assert_eq!(
        (&draw["entropy"]["source"], &draw["entropy"]["text"]),
        (&"operator".into(), &"4 2 6".into())
    );
    // By one clock, as a transcript must have it.
    let at = |time: &Value| time.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let times = [&draw["frozen_at"], &draw["entropy"]["entered_at"], &draw["drawn_at"]].map(at);
    assert!(times[0] < times[1] && times[1] <= times[2], "{draw}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_who_enter_something_at_once_one_decides() {
    let waitroom = pre_queue(EntropySource::Operator).await;
    waitroom.set_phase(Phase::Drawing).await;
    waitroom.instance.head_when(|head| !head["draw"]["frozen_at"].is_null()).await;
    let texts: Vec<EntropyEntry> = (0..8).map(|number| text(&format!("text {number}"))).collect();
    let outcomes =
        futures::future::join_all(texts.iter().map(|entry| enter(&waitroom, entry))).await;
    let taken: Vec<&EntropyFixed> = outcomes.iter().flatten().collect();
    assert_eq!(taken.len(), 1, "{outcomes:?}");
    let refused = |outcome: &&Result<_, _>| matches!(outcome, Err(EnteringError::Fixed(_)));
    assert_eq!(outcomes.iter().filter(refused).count(), 7, "{outcomes:?}");
    let told = opened(&waitroom).await["draw"]["entropy"].clone();
    assert_eq!(told, serde_json::to_value(&taken[0].entropy).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_source_is_committed_to_anew_until_fans_can_join() {
    let waitroom = TestWaitroom::create(1, 1000.0, 60).await;
    let pool = &waitroom.test_env.pool;
    let choose = async |source| {
        let mut tx = pool.begin().await.unwrap();
        let change = RoomChange {
            method: Some(LineMethod::Draw),
            entropy_source: Some(source),
            ..RoomChange::default()
        };
        let changed = change_room_in(&mut tx, "r", &change).await;
        tx.commit().await.unwrap();
        changed
    };
    let first = choose(EntropySource::Operator).await.unwrap().after.draw.unwrap();
    assert_eq!(first.entropy_source, EntropySource::Operator);
    let same = choose(EntropySource::Operator).await.unwrap();
    assert_eq!(same.before, same.after, "nothing was changed");
    assert_eq!(same.after.draw.unwrap(), first);
    let second = choose(EntropySource::Drand).await.unwrap().after.draw.unwrap();
    assert_eq!(second.entropy_source, EntropySource::Drand);
    assert_ne!(second.commitment, first.commitment, "whoever knows a seed chooses no source");
    assert!(second.committed_at > first.committed_at);
    assert_eq!(room(pool, "r").await.unwrap().unwrap().draw.unwrap(), second);

    waitroom.set_phase(Phase::PreQueue).await;
    let late = choose(EntropySource::None).await;
    assert!(matches!(late, Err(RoomError::Value { field: "entropy_source", .. })), "{late:?}");
    assert_eq!(room(pool, "r").await.unwrap().unwrap().draw.unwrap(), second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_without_a_line_lets_in_at_once_whoever_the_cap_has_room_for() {
    let waitroom = TestWaitroom::create(2, 0.5, 60).await;
    let through = RoomChange {
        method: Some(LineMethod::Passthrough),
        max_active: Some(3),
        ..RoomChange::default()
    };
    change_room(&waitroom.test_env.pool, "r", &through).await.unwrap();
    waitroom.set_phase(Phase::Open).await;
    let mut tickets = Vec::new();
    for _ in 0..8 {
        tickets.push(waitroom.instance.ticket().await);
    }
    let (head, _) = waitroom.instance.head_when(|head| head["admitted"] == 3).await;
    assert_eq!((&head["method"], &head["draw"]), (&"passthrough".into(), &Value::Null));
    // At half a fan a second, as the room was told before, it would not be so far.
    for ticket in &tickets[..3] {
        waitroom.instance.until(ticket, "your_turn").await;
    }
    // Later, some more are let in for those who have not come.
    let (head, _) = waitroom.instance.head_when(|head| head["waiting"] == 5).await;
    assert_eq!(head["admitted"], 3, "the cap holds");
    let wider = RoomChange { max_active: Some(100), ..RoomChange::default() };
    change_room(&waitroom.test_env.pool, "r", &wider).await.unwrap();
    waitroom.instance.head_when(|head| head["admitted"] == 8).await;
}
