//! A mail near the turn: who asks for one, whose turn is seen to be near, and what is kept.

use std::time::Duration;

use admission::contract::{HeadsMoved, LaneHead, PaceReport};
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use testkit::eventually;
use uuid::Uuid;
use waitroom::contract::{Phase, near_turns, note_heard};

use crate::test_waitroom::{Instance, TestWaitroom, Told, id_of};

const FANS: i64 = 13;
/// So slow that only the next two or three have their turn within ten minutes.
const PER_SEC: f64 = 0.005;

/// A line that moves for the instances that are told so, and stands for all others.
struct Line {
    waitroom: TestWaitroom,
    instance: Instance,
    controller: Told,
    tickets: Vec<String>,
}

fn moved(at: DateTime<Utc>, (from, head): (i64, i64)) -> HeadsMoved {
    HeadsMoved {
        room: "r".parse().expect("a name"),
        at,
        claim_until: at + TimeDelta::seconds(60),
        rate_per_sec: PER_SEC,
        heads: vec![LaneHead { lane: 0, head, tail: FANS }],
        from: vec![from],
        drawn: false,
        door_ms: Some(0),
        door_open: true,
        pace: Some(PaceReport { per_sec: PER_SEC, show_share: 1.0, ..PaceReport::default() }),
        stock: None,
    }
}

impl Line {
    async fn open() -> Self {
        let waitroom = TestWaitroom::create(1, PER_SEC, 60).await;
        waitroom.put_show().await;
        waitroom.set_phase(Phase::PreQueue).await;
        let (instance, controller) = waitroom.instance_told().await;
        let mut tickets = Vec::new();
        for _ in 0..FANS {
            tickets.push(instance.ticket().await);
        }
        waitroom.set_phase(Phase::Open).await;
        instance.head_when(|head| head["phase"] == "open").await;
        controller.publish(&moved(Utc::now(), (0, 0))).await;
        instance.head_when(|head| head["waiting"] == FANS && head["stale"] == false).await;
        Self { waitroom, instance, controller, tickets }
    }

    /// Asks for a mail; it is taken.
    async fn ask(&self, fan: usize, email: &str) {
        // Nobody is told anything while the controller is silent.
        self.controller.publish(&moved(Utc::now(), (0, 0))).await;
        eventually("a mail that is asked for", async || {
            let (status, body) = self.instance.ask_for_mail(&self.tickets[fan], email).await;
            assert!(status.is_success() || status == StatusCode::SERVICE_UNAVAILABLE, "{body}");
            (status == StatusCode::NO_CONTENT).then_some(())
        })
        .await;
    }

    /// The places and addresses kept.
    async fn kept(&self) -> Vec<(i64, String)> {
        let kept = "SELECT place_offset, address_sealed FROM waitroom.turn_mails ORDER BY 1";
        sqlx::query_as(kept).fetch_all(&self.waitroom.test_env.pool).await.unwrap()
    }

    async fn near(&self) -> Vec<Uuid> {
        near_turns(&self.waitroom.test_env.pool, 500).await.unwrap()
    }

    /// Moves the line and waits until so many turns are near.
    async fn until_near(&self, (from, head): (i64, i64), count: usize) -> Vec<Uuid> {
        self.controller.publish(&moved(Utc::now(), (from, head))).await;
        eventually("turns that are near", async || {
            self.controller.publish(&moved(Utc::now(), (head, head))).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
            Some(self.near().await).filter(|near| near.len() == count)
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_asked_for_sealed_replaced_and_taken_back() {
    let line = Line::open().await;
    line.ask(12, "Ada@fans.example").await;
    line.ask(12, "ada@other.example").await;
    let kept = line.kept().await;
    assert_eq!(kept.len(), 1, "a place has one mail");
    assert!(kept[0].0 == 12 && kept[0].1.starts_with("v4.local."), "{kept:?}");
    line.ask(11, "Ada@Other.example").await;
    let places: Vec<i64> = line.kept().await.into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, [11], "an address has one mail");
    for _ in 0..2 {
        let path = "/v1/rooms/r/place/mail";
        let (status, _) = line.instance.call("DELETE", path, Some(&line.tickets[11])).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    assert!(line.kept().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_mail_would_come_none_is_taken() {
    let line = Line::open().await;
    let refused = async |ticket: &str, email: &str| {
        let (status, body) = line.instance.ask_for_mail(ticket, email).await;
        (status, id_of(&body))
    };
    let unfit = (StatusCode::UNPROCESSABLE_ENTITY, "invalid-field".into());
    assert_eq!(refused(&line.tickets[12], "ada").await, unfit);
    let other = line.waitroom.ticket_of_another_room();
    let foreign = (StatusCode::FORBIDDEN, "place-ticket-foreign".into());
    assert_eq!(refused(&other, "ada@fans.example").await, foreign);
    line.instance.call("DELETE", "/v1/rooms/r/place", Some(&line.tickets[5])).await;
    line.controller.publish(&moved(Utc::now(), (0, 1))).await;
    line.instance.until(&line.tickets[0], "your_turn").await;
    let near = (StatusCode::CONFLICT, "turn-is-near".into());
    assert_eq!(refused(&line.tickets[0], "ada@fans.example").await, near);
    let left = (StatusCode::GONE, "place-left".into());
    assert_eq!(refused(&line.tickets[5], "ada@fans.example").await, left);
    assert!(line.kept().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_instances_one_finds_each_turn_and_who_left_has_none() {
    let line = Line::open().await;
    let (other, _) = line.waitroom.instance_told().await;
    for fan in 8..13 {
        line.ask(fan, &format!("fan-{fan}@fans.example")).await;
    }
    let leave = line.instance.call("DELETE", "/v1/rooms/r/place", Some(&line.tickets[9])).await;
    assert_eq!(leave.0, StatusCode::NO_CONTENT);
    eventually("the address of who left to be forgotten", async || {
        (line.kept().await.len() == 4).then_some(())
    })
    .await;
    // The turn of the ninth has come by then; that of the last three is near.
    let near = line.until_near((0, 10), 3).await;
    eventually("the address of who was let in to be forgotten", async || {
        (line.kept().await.len() == 3).then_some(())
    })
    .await;
    other.until(&line.tickets[8], "your_turn").await;
    // Whoever writes the mails hears of them once.
    note_heard(&line.waitroom.test_env.pool, &near).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(line.near().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_is_heard_of_the_line_nobodys_turn_is_near() {
    let line = Line::open().await;
    line.ask(12, "ada@fans.example").await;
    line.instance.head_when(|head| head["stale"] == true).await;
    // What comes now is old: the line moved, but who knows how far since.
    line.controller.publish(&moved(Utc::now() - TimeDelta::seconds(60), (0, 10))).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(line.near().await.is_empty());
    assert_eq!(line.kept().await.len(), 1);
    line.until_near((10, 10), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_a_mail_is_asked_for_on_a_page() {
    let waitroom = TestWaitroom::create(1, 10.0, 60).await;
    waitroom.put_show().await;
    waitroom.set_phase(Phase::PreQueue).await;
    let fan = &waitroom.instance;
    let (_, _, cookie) = fan.page("POST", "/queue/s/join", "fg_cookies=1").await;
    let cookie = format!("fg_cookies=1; {}", cookie.split(';').next().unwrap_or_default());
    let (_, place, _) = fan.page("GET", "/queue/s", &cookie).await;
    assert!(place.contains("href=\"/queue/s/mail\""), "{place}");
    let page = async || fan.page("GET", "/queue/s/mail", &cookie).await.1;
    assert!(page().await.contains("name=\"email\""));
    let wrong = fan.submit("POST", "/queue/s/mail", &cookie, &[("email", "a<b")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("Write the whole address"), "{}", wrong.text);
    assert!(wrong.text.contains("value=\"a&#60;b\""), "{}", wrong.text);
    let form = [("email", "ada@fans.example")];
    let asked = fan.submit("POST", "/queue/s/mail", &cookie, &form).await;
    assert_eq!(asked.location(), "/queue/s/mail");
    let words = page().await;
    assert!(words.contains("You will get a mail") && !words.contains("ada@"), "{words}");
    assert_eq!(fan.sent_on("POST", "/queue/s/no-mail", &cookie).await, "/queue/s/mail");
    assert!(page().await.contains("name=\"email\""));
    // Whoever does not wait has nothing to ask for.
    assert_eq!(fan.sent_on("GET", "/queue/s/mail", "").await, "/queue/s");
}
