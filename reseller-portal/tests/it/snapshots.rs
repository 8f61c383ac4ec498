//! The portal as resellers see it. A change shows in `snapshots/`.

use reseller_portal::contract::ResellerState;
use testkit::volatile;

use crate::test_portal::TestPortal;

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_looks_as_it_did() {
    let portal = TestPortal::new().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let page = browser.read("/portal").await;
    insta::with_settings!({ filters => volatile(), prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("page_portal_dashboard", page);
    });
}
