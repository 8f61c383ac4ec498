//! Pages as fans see them. A change shows in `snapshots/`.

use testkit::volatile;

use crate::test_server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_checkout_look_as_they_did() {
    let server = TestServer::new().await;
    let fan = server.fan().await;
    let choose = fan.read("/checkout/harbour-lights").await;
    let (_, path) = server.order(&fan, 2).await;
    let order = fan.read(&path).await;
    insta::with_settings!({ filters => volatile(), prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("page_choose_tickets", choose);
        insta::assert_snapshot!("page_order", order);
    });
}
