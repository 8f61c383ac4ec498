//! The other people, from end to end: a reseller comes in, sells through its own shop, a fan asks
//! for help, an admin answers and gives the money back.

use checkout::contract::{LinkHolder, OrderId, new_order_link};
use serde_json::json;

use crate::{
    test_people::{Admin, Browser, eventually, free, letters, reseller, shop},
    test_system::{TestSystem, reply},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_reseller_sells_and_an_admin_helps() {
    let smtp =
        std::env::var("FAIRGATE_SMTP_URL").expect("FAIRGATE_SMTP_URL: the stack has a mail server");
    let system = TestSystem::open_with(&[("FAIRGATE_SMTP_URL", &smtp)]).await;
    let admin = Admin::first(&system).await;
    let (show, key) = reseller(&system, &admin, "20").await;
    system.await_room(&show).await;
    eventually("the stock is on sale", async || {
        (free(&system, &show).await == Some(20)).then_some(())
    })
    .await;

    let sold = shop(&system, &show, &key).await;
    assert_eq!((&sold["pass"], &sold["listed"]), (&json!("verified"), &json!(true)), "{sold}");
    let order = sold["order"].as_str().expect("an order").to_owned();
    let intent = sold["payment_url"]
        .as_str()
        .and_then(|url| url.rsplit('/').next())
        .expect("a payment")
        .to_owned();
    let paying = system
        .post(&format!("/sandbox/v1/intents/{intent}/confirm"))
        .json(&json!({ "method": "ok" }));
    reply(paying).await.with_status(200);
    let state = async |wanted: &str| {
        let answer = reply(system.get(&format!("/v1/orders/{order}")).bearer_auth(&key))
            .await
            .with_status(200);
        (answer.body["state"] == wanted).then_some(())
    };
    eventually("the order is fulfilled", async || state("fulfilled").await).await;
    eventually("the tickets are in the mail", async || {
        (letters(&system, "ticket").await == 1).then_some(())
    })
    .await;
    assert_eq!(free(&system, &show).await, Some(19));

    let link = new_order_link(
        &system.stores.pool,
        order.parse::<OrderId>().expect("an id"),
        LinkHolder::Page,
    )
    .await
    .expect("a link");
    let (path, help) = (link.path(), link.support_path());
    let fan = Browser::new(&system);
    assert!(fan.read(&path).await.contains("/support/"), "the order page leads to help");
    fan.fill(
        &help,
        &help,
        &[("topic", "refund"), ("text", "I cannot come. <b>Please</b> refund me.")],
    )
    .await
    .with_status(303);

    let open = admin.get("/v1/admin/support?state=open").await;
    let ticket =
        open["tickets"][0]["ticket"].as_str().unwrap_or_else(|| panic!("{open}")).to_owned();
    let answers = system.post(&format!("/v1/admin/support/{ticket}/answers"));
    admin.send(answers, json!({ "text": "Your money is on its way." })).await;
    let refund = system.post(&format!("/v1/admin/orders/{order}/refund"));
    admin.send(refund, json!({ "reason": "The fan cannot come." })).await;
    eventually("the order is refunded", async || state("refunded").await).await;
    eventually("the ticket is on sale again", async || {
        (free(&system, &show).await == Some(20)).then_some(())
    })
    .await;
    eventually("the refund is in the mail", async || {
        (letters(&system, "refund").await == 1).then_some(())
    })
    .await;
    eventually("the answer is in the mail", async || {
        (letters(&system, "support_answer").await == 1).then_some(())
    })
    .await;
    let thread = fan.read(&help).await;
    assert!(thread.contains("Your money is on its way."), "{thread}");
    assert!(thread.contains("&#60;b&#62;Please") && !thread.contains("<b>Please"), "{thread}");
    assert!(fan.read(&path).await.to_lowercase().contains("refunded"), "the order page shows it");

    let audit = admin.get("/v1/admin/audit").await.to_string();
    for action in ["reseller", "support", "refund", "sign_in"] {
        assert!(audit.contains(action), "{action} is not in the audit log: {audit}");
    }
    let report = system.verify().await;
    assert_eq!(report.failing(), Vec::<&str>::new(), "{}", report.table());
}
