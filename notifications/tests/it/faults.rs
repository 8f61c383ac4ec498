//! Mail servers that are away, that refuse, and events that cannot be read.

use checkout::contract::{EVENTS_TOPIC, OrderEvent};
use notifications::contract::{given_up, retry_given_up};

use crate::{
    mail::{Caught, Home, Server, free_port},
    test_mailer::{TestMailer, eventually},
};

#[tokio::test]
async fn emails_wait_while_the_mail_server_is_away() {
    let (port, home) = (free_port(), Home::new());
    let mailbox = home.0.join("box");
    let mut mailer =
        TestMailer::with(&[("FAIRGATE_SMTP_URL", &format!("smtp://127.0.0.1:{port}"))]).await;
    mailer.caught = Caught(mailbox.clone());
    mailer.start();
    let bought = mailer.bought("en", 1).await;
    mailer.tell(OrderEvent::Paid, bought.order).await;
    assert_eq!(mailer.told(bought.order, "last_fault").await, "the mail server cannot be reached");
    assert!(mailer.caught.to(&bought.email).is_empty());
    let _server = Server::catching(port, &mailbox).await;
    mailer.told(bought.order, "sent_at").await;
    mailer.email(&bought.email).await;
}

#[tokio::test]
async fn a_recipient_refused_for_good_is_given_up() {
    let port = free_port();
    let _server = Server::refusing(port, "550 5.1.1 no such mailbox").await;
    let mailer =
        TestMailer::with(&[("FAIRGATE_SMTP_URL", &format!("smtp://127.0.0.1:{port}"))]).await;
    mailer.start();
    let bought = mailer.bought("en", 1).await;
    mailer.tell(OrderEvent::Paid, bought.order).await;
    let reason = mailer.told(bought.order, "given_up").await;
    assert_eq!(reason, "the mail server answered 550");
    assert_eq!(mailer.told(bought.order, "attempts").await, "1");
}

#[tokio::test]
async fn an_email_that_was_given_up_is_sent_once_somebody_asks_for_it() {
    let (port, home) = (free_port(), Home::new());
    let mailbox = home.0.join("box");
    let server = Server::refusing(port, "550 5.7.1 we take no letters today").await;
    let mut mailer =
        TestMailer::with(&[("FAIRGATE_SMTP_URL", &format!("smtp://127.0.0.1:{port}"))]).await;
    mailer.caught = Caught(mailbox.clone());
    mailer.start();
    let pool = mailer.test_env.pool.clone();
    let (first, second) = (mailer.bought("en", 1).await, mailer.bought("en", 1).await);
    for bought in [&first, &second] {
        mailer.tell(OrderEvent::Paid, bought.order).await;
        mailer.told(bought.order, "given_up").await;
    }
    let listed = given_up(&pool, 10).await.unwrap();
    assert_eq!(listed.len(), 2);
    let email = listed.iter().find(|email| email.subject == first.order).expect("the first one's");
    assert_eq!(
        (email.kind.as_str(), email.reason.as_str()),
        ("ticket", "the mail server answered 550")
    );
    assert!(!format!("{listed:?}").contains(&first.email));
    // Older than patience lasts: it gets the patience of a new one all the same.
    sqlx::query("UPDATE notifications.letters SET created_at = now() - interval '6 days'")
        .execute(&pool)
        .await
        .unwrap();

    drop(server);
    let gone = || async {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err().then_some(())
    };
    eventually("the refusing server to end", gone).await;
    let busy = Server::refusing(port, "451 4.7.1 come again").await;
    assert_eq!(retry_given_up(&pool, Some(email.id)).await.unwrap(), 1);
    eventually("it to be refused for now", || async {
        (mailer.told(first.order, "last_fault").await == "the mail server answered 451")
            .then_some(())
    })
    .await;
    assert_eq!(retry_given_up(&pool, Some(email.id)).await.unwrap(), 0, "it waits by itself");
    assert_eq!(given_up(&pool, 10).await.unwrap().len(), 1);
    drop(busy);
    eventually("the busy server to end", gone).await;
    let _server = Server::catching(port, &mailbox).await;
    mailer.told(first.order, "sent_at").await;
    mailer.email(&first.email).await;
    assert!(mailer.caught.to(&second.email).is_empty(), "nobody asked for the other");
    assert_eq!(retry_given_up(&pool, None).await.unwrap(), 1);
    mailer.told(second.order, "sent_at").await;
    assert_eq!(retry_given_up(&pool, None).await.unwrap(), 0, "what was sent is not sent again");
    mailer.email(&first.email).await;
}

#[tokio::test]
async fn a_recipient_refused_for_now_is_tried_again() {
    let port = free_port();
    let server = Server::refusing(port, "451 4.7.1 greylisted, come again").await;
    let mut mailer =
        TestMailer::with(&[("FAIRGATE_SMTP_URL", &format!("smtp://127.0.0.1:{port}"))]).await;
    mailer.start();
    let bought = mailer.bought("en", 1).await;
    mailer.tell(OrderEvent::Paid, bought.order).await;
    assert_eq!(mailer.told(bought.order, "last_fault").await, "the mail server answered 451");
    drop(server);
    let gone = || async {
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err().then_some(())
    };
    eventually("the refusing server to end", gone).await;
    let home = Home::new();
    mailer.caught = Caught(home.0.join("box"));
    let _server = Server::catching(port, &home.0.join("box")).await;
    mailer.told(bought.order, "sent_at").await;
    mailer.email(&bought.email).await;
}

#[tokio::test]
async fn addresses_that_cannot_be_reached_are_given_up_and_keep_nobody_waiting() {
    let mailer = TestMailer::open().await;
    mailer.start();
    let evil = mailer.bought_by("Eve", "eve..x@fans.example", "en", 1).await;
    // The stack's server does not speak SMTPUTF8.
    let foreign = mailer.bought_by("Jörg", "jörg@fans.example", "de", 1).await;
    let good = mailer.bought("en", 1).await;
    for bought in [&evil, &foreign, &good] {
        mailer.tell(OrderEvent::Paid, bought.order).await;
    }
    assert_eq!(mailer.told(evil.order, "given_up").await, "the address cannot be one");
    assert_eq!(
        mailer.told(foreign.order, "given_up").await,
        "the mail server cannot take this address"
    );
    mailer.email(&good.email).await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_and_an_order_that_is_gone_are_passed_over() {
    let mailer = TestMailer::open().await;
    mailer.start();
    let (gone, good) = (uuid::Uuid::new_v4(), mailer.bought("en", 1).await);
    mailer.publish(EVENTS_TOPIC, &good.order.to_string(), b"{not json").await;
    mailer.tell(OrderEvent::Paid, gone).await;
    mailer.tell(OrderEvent::Placed, good.order).await;
    mailer.tell(OrderEvent::Paid, good.order).await;
    mailer.email(&good.email).await;
    assert_eq!(mailer.told(gone, "given_up").await, "the order is gone");
}

/// Emails are rows before an event counts as read: a role that starts late finds everything from
/// the topic's beginning.
#[tokio::test]
async fn events_of_before_the_first_start_are_not_lost() {
    let mailer = TestMailer::open().await;
    let bought = mailer.bought("en", 1).await;
    mailer.tell(OrderEvent::Paid, bought.order).await;
    mailer.start();
    mailer.email(&bought.email).await;
}
