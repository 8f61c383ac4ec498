//! E-mails as fans read them. A change of words shows in `snapshots/`.

use checkout::contract::OrderEvent;
use testkit::volatile;

use crate::test_mailer::TestMailer;

/// Subject, text and HTML of the one e-mail that came for an address.
async fn assert_email(mailer: &TestMailer, address: &str, name: &str) {
    let email = mailer.email(address).await;
    let part = |found: Option<std::borrow::Cow<'_, str>>| found.unwrap().replace('\r', "");
    let shown = format!(
        "{}\n\n{}\n{}",
        email.subject().unwrap(),
        part(email.body_text(0)),
        part(email.body_html(0))
    );
    insta::with_settings!({ filters => volatile(), prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, shown);
    });
}

#[tokio::test]
async fn emails_of_tickets_and_refunds_read_as_they_did() {
    let mailer = TestMailer::open().await;
    mailer.start();
    for language in ["en", "de"] {
        let bought = mailer.bought(language, 2).await;
        mailer.tell(OrderEvent::Paid, bought.order).await;
        assert_email(&mailer, &bought.email, &format!("email_ticket_{language}")).await;
        let refunded = mailer.bought(language, 1).await;
        mailer.refunded(&refunded).await;
        mailer.tell(OrderEvent::Refunded, refunded.order).await;
        assert_email(&mailer, &refunded.email, &format!("email_refund_{language}")).await;
    }
}

#[tokio::test]
async fn emails_of_answers_read_as_they_did() {
    for language in ["en", "de"] {
        let mailer = TestMailer::open().await;
        mailer.start();
        let bought = mailer.bought(language, 1).await;
        mailer.answered(&bought, "Yes, you can.\nBring both tickets.").await;
        assert_email(&mailer, &bought.email, &format!("email_support_answer_{language}")).await;
    }
}
