//! What fans get: once, in their language, with all that matters.

use checkout::contract::{LinkRenewed, LinksRenewed, OrderEvent, renew_order_links};
use futures::future::join_all;
use kit::http::RequestId;
use mail_parser::MimeHeaders;

use crate::test_mailer::{TestMailer, eventually};

#[tokio::test]
async fn emails_arrive_once_though_events_come_three_times_and_two_senders_run() {
    let mailer = TestMailer::open().await;
    mailer.start();
    mailer.start();
    let orders = join_all((0..20).map(|_| mailer.bought("en", 2))).await;
    for _ in 0..3 {
        join_all(orders.iter().map(|bought| mailer.tell(OrderEvent::Paid, bought.order))).await;
    }
    for bought in &orders {
        mailer.told(bought.order, "sent_at").await;
        assert_eq!(mailer.told(bought.order, "attempts").await, "1");
    }
    // What comes after the repeated events, under the same keys, was read after them.
    for bought in &orders {
        mailer.refunded(bought).await;
        mailer.tell(OrderEvent::Refunded, bought.order).await;
    }
    for bought in &orders {
        let emails = eventually("both emails", || async {
            Some(mailer.caught.to(&bought.email)).filter(|all| all.len() >= 2)
        });
        let mut subjects: Vec<_> =
            emails.await.iter().map(|one| one.subject().unwrap().to_owned()).collect();
        subjects.sort();
        assert_eq!(
            subjects,
            [
                "Your 2 tickets for Harbour Lights",
                "Your money for Harbour Lights is on its way back"
            ]
        );
    }
}

/// The negative control: what keeps an email from being sent twice is the note that it was sent.
#[tokio::test]
async fn data_a_email_whose_sending_was_not_noted_comes_again_under_the_same_id() {
    let mailer = TestMailer::open().await;
    mailer.start();
    let bought = mailer.bought("en", 1).await;
    mailer.tell(OrderEvent::Paid, bought.order).await;
    mailer.told(bought.order, "sent_at").await;
    sqlx::query(
        "UPDATE notifications.letters SET sent_at = NULL, next_attempt_at = now() WHERE \
        subject = $1",
    )
    .bind(bought.order)
    .execute(&mailer.test_env.pool)
    .await
    .unwrap();
    let twice = eventually("a second email", || async {
        Some(mailer.caught.to(&bought.email)).filter(|all| all.len() == 2)
    });
    let twice = twice.await;
    for email in &twice {
        assert!(mailer.opens(email, bought.order).await, "whichever the fan opens");
    }
    let ids: Vec<_> = twice.iter().map(|email| email.message_id().unwrap().to_owned()).collect();
    assert_eq!(ids[0], ids[1]);
    let email = mailer.told(bought.order, "letter").await;
    assert_eq!(ids[0], format!("{email}@fairgate.example"));
}

#[tokio::test]
async fn a_ticket_email_has_tickets_pictures_and_a_link_that_opens_the_order() {
    let mailer = TestMailer::open().await;
    mailer.start();
    let bought = mailer.bought("en-GB", 2).await;
    mailer.tell(OrderEvent::Paid, bought.order).await;
    let email = mailer.email(&bought.email).await;
    let (text, html) = (email.body_text(0).unwrap(), email.body_html(0).unwrap());
    for wanted in [
        "Harbour Lights",
        "Pier Hall, Hamburg, Kai 3",
        "Saturday 12 June 2027 at 20:00, Berlin time",
        "Floor",
        "Ayşe Öztürk",
    ] {
        assert!(text.contains(wanted) && html.contains(wanted), "{wanted} in {text}");
    }
    let spaced: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    for code in &bought.codes {
        assert!(spaced.contains(code.as_str()), "{code} in {text}");
    }
    assert!(mailer.opens(&email, bought.order).await);
    let pictures: Vec<_> = email.attachments().collect();
    assert_eq!(pictures.len(), 2);
    assert!(pictures.iter().all(|picture| picture.contents().starts_with(b"\x89PNG")));
    assert!(
        pictures
            .iter()
            .all(|picture| html.contains(&format!("cid:{}", picture.content_id().unwrap())))
    );
    assert_eq!(email.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
}

#[tokio::test]
async fn a_german_reads_german_and_a_refund_says_how_much() {
    let mailer = TestMailer::open().await;
    mailer.start();
    let bought = mailer.bought("de-AT", 1).await;
    mailer.refunded(&bought).await;
    mailer.tell(OrderEvent::Refunded, bought.order).await;
    let email = mailer.email(&bought.email).await;
    assert_eq!(email.subject(), Some("Ihr Geld für Harbour Lights ist auf dem Rückweg"));
    let text = email.body_text(0).unwrap();
    for wanted in [
        "Guten Tag Ayşe Öztürk",
        "85,00\u{a0}€",
        "gelten nicht mehr",
        "Samstag, 12. Juni 2027, 20:00 Uhr",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    assert_eq!(email.attachments().count(), 0);
}

#[tokio::test]
async fn an_answer_from_support_is_quoted() {
    let mailer = TestMailer::open().await;
    mailer.start();
    let bought = mailer.bought("en", 1).await;
    mailer.answered(&bought, "Yes, you can.\nBring <b>both</b> tickets.").await;
    let email = mailer.email(&bought.email).await;
    assert_eq!(email.subject(), Some("We answered your question about Harbour Lights"));
    let text = email.body_text(0).unwrap().replace('\r', "");
    assert!(text.contains("> Yes, you can.\n> Bring <b>both</b> tickets.\n"), "{text}");
    assert!(!email.body_html(0).unwrap().contains("<b>both</b>"));
}

#[tokio::test]
async fn a_new_link_comes_by_mail_each_time_and_ends_those_before() {
    let mailer = TestMailer::open().await;
    mailer.start();
    let bought = mailer.bought("en", 1).await;
    mailer.tell(OrderEvent::Paid, bought.order).await;
    let tickets = mailer.email(&bought.email).await;
    assert!(mailer.opens(&tickets, bought.order).await);
    for times in 1..=2 {
        let mut tx = mailer.test_env.pool.begin().await.unwrap();
        let renewed = renew_order_links(&mut tx, bought.order, &RequestId::fresh()).await.unwrap();
        tx.commit().await.unwrap();
        let LinksRenewed::Renewed { renewal, revoked: 1 } = renewed else { panic!("{renewed:?}") };
        assert!(!mailer.opens(&tickets, bought.order).await);
        let event = |facts| OrderEvent::LinkRenewed(LinkRenewed { data: facts, renewal });
        mailer.tell(event, bought.order).await;
        let emails =
            || async { Some(mailer.caught.to(&bought.email)).filter(|all| all.len() == 1 + times) };
        let mut good = 0;
        for email in eventually("an email with a new link", emails).await {
            if mailer.opens(&email, bought.order).await {
                good += 1;
                assert_eq!(email.subject(), Some("A new link to your order for Harbour Lights"));
                assert!(
                    email.body_text(0).unwrap().contains("Links in earlier mails no longer do.")
                );
            }
        }
        assert_eq!(good, 1, "the newest");
    }
}
