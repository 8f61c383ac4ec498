//! A mail near the turn: once, in time, and to nobody who does not want it any more.

use std::time::Duration;

use kit::token::generate_seal_key;
use testkit::TestLine;
use uuid::Uuid;

use crate::test_mailer::{SHOW, TestMailer, eventually};

fn address() -> String {
    format!("{}@fans.example", Uuid::new_v4().simple())
}

/// Thirteen fans who wait for the mailer's show; the line stands at its beginning.
async fn line(mailer: &TestMailer) -> TestLine {
    let line = TestLine::open(&mailer.test_env, &mailer.settings, SHOW, 13).await;
    line.move_to(0).await;
    line
}

async fn count(mailer: &TestMailer, what: &str) -> i64 {
    let statement = format!("SELECT count(*) FROM {what}");
    let found = sqlx::query_scalar(sqlx::AssertSqlSafe(statement));
    found.fetch_one(&mailer.test_env.pool).await.unwrap()
}

/// Until nobody's address is kept any more, the line standing at `head`.
async fn until_forgotten(mailer: &TestMailer, line: &TestLine, head: i64) {
    eventually("every address to be forgotten", async || {
        line.move_to(head).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        (count(mailer, "waitroom.turn_mails").await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_senders_send_one_mail_near_the_turn_and_forget_the_address() {
    let mailer = TestMailer::open().await;
    let line = line(&mailer).await;
    mailer.start();
    mailer.start();
    let (english, german) = (address(), address());
    line.ask_for_mail(11, &english, "en-GB").await;
    line.ask_for_mail(12, &german, "de").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(count(&mailer, "notifications.letters").await, 0, "nobody's turn is near");
    until_forgotten(&mailer, &line, 10).await;
    let email = mailer.email(&english).await;
    let subject = email.subject().unwrap();
    assert!(subject.starts_with("Your turn for Harbour Lights is near: "), "{subject}");
    let text = email.body_text(0).unwrap();
    for wanted in ["Hello,", "Berlin time", "https://tickets.example/queue/harbour-lights"] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    let email = mailer.email(&german).await;
    let subject = email.subject().unwrap();
    assert!(subject.starts_with("Für Harbour Lights sind Sie bald an der Reihe: "), "{subject}");
    let sent = "notifications.letters WHERE kind = 'near_turn' AND sent_at IS NOT NULL";
    assert_eq!(count(&mailer, sent).await, 2);
    assert_eq!(mailer.caught.to(&english).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_it_back_gets_none_though_the_turn_is_near() {
    let mailer = TestMailer::open().await;
    let line = line(&mailer).await;
    let given = address();
    line.ask_for_mail(12, &given, "en").await;
    eventually("the turn to be near", async || {
        line.move_to(10).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let near = "waitroom.turn_mails WHERE near_at IS NOT NULL";
        (count(&mailer, near).await == 1).then_some(())
    })
    .await;
    line.take_mail_back(12).await;
    mailer.start();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(mailer.caught.to(&given).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_opened_is_given_up_forgotten_and_listed_nowhere() {
    let mut mailer = TestMailer::open().await;
    let line = line(&mailer).await;
    let given = address();
    line.ask_for_mail(12, &given, "en").await;
    mailer.settings.insert("FAIRGATE_PLACE_KEYS".to_owned(), generate_seal_key().unwrap());
    mailer.start();
    until_forgotten(&mailer, &line, 10).await;
    let given_up = "notifications.letters WHERE given_up IS NOT NULL";
    assert_eq!(count(&mailer, given_up).await, 1);
    let listed = notifications::contract::given_up(&mailer.test_env.pool, 10).await.unwrap();
    assert!(listed.is_empty(), "nobody can do anything about it: {listed:?}");
    assert!(mailer.caught.to(&given).is_empty());
}
