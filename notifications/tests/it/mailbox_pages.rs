//! The mailbox pages.

use axum::{Router, http::StatusCode};
use checkout::contract::OrderEvent;
use testkit::Client;

use crate::test_mailer::TestMailer;

/// Status, policy and text of a page.
async fn get(router: &Router, path: &str) -> (StatusCode, String, String) {
    let page = Client::of(router).browser().get(path).send().await;
    (page.status, page.header("content-security-policy").to_owned(), page.text)
}

fn pages(mailer: &TestMailer) -> Router {
    kit::http::stack(notifications::router(&mailer.app()).split_for_parts().0)
}

#[tokio::test]
async fn a_newcomer_reads_what_was_sent() {
    let mailer = TestMailer::open().await;
    mailer.start();
    let bought = mailer.bought("en", 2).await;
    mailer.tell(OrderEvent::Paid, bought.order).await;
    mailer.email(&bought.email).await;
    let router = pages(&mailer);
    let (status, _, list) = get(&router, "/sandbox/mailbox").await;
    assert_eq!(status, StatusCode::OK);
    let row = list.lines().find(|line| line.contains(&bought.email)).unwrap();
    assert!(row.contains("Your 2 tickets for Harbour Lights"), "{row}");
    let path = row.split_once("href=\"").unwrap().1.split_once('"').unwrap().0;

    let (status, policy, page) = get(&router, path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        policy.contains("frame-src 'self'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    for wanted in [
        &format!("src=\"{path}/html\""),
        "sandbox=\"",
        "data:image/png;base64,",
        "Message-ID",
        "Pier Hall",
    ] {
        assert!(page.contains(wanted), "{wanted} in {page}");
    }

    let (status, policy, html) = get(&router, &format!("{path}/html")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        policy.contains("sandbox")
            && policy.contains("default-src 'none'")
            && !policy.contains("script"),
        "{policy}"
    );
    assert_eq!(html.matches("src=\"data:image/png;base64,").count(), 2);
    assert!(!html.contains("cid:"), "every picture is put in");
}

#[tokio::test]
async fn no_address_leads_out_of_the_mailbox() {
    let mailer = TestMailer::open().await;
    let router = pages(&mailer);
    for name in
        ["..%2F..%2F..%2Fenv", "%2Fetc%2Fpasswd", "..", "%2e%2e%2f%2e%2e%2fports", "nothing", "%00"]
    {
        let (status, _, page) = get(&router, &format!("/sandbox/mailbox/{name}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{name}");
        assert!(!page.contains("root:") && !page.contains("FAIRGATE_"), "{name}");
    }
}

#[tokio::test]
async fn without_a_local_mail_server_there_are_no_pages() {
    let mut mailer = TestMailer::open().await;
    mailer.settings.remove("FAIRGATE_MAILBOX");
    let (status, _, _) = get(&pages(&mailer), "/sandbox/mailbox").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
