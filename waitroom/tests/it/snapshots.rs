//! The queue's page as fans see it. A change shows in `snapshots/`.

use testkit::volatile;
use waitroom::contract::Phase;

use crate::test_waitroom::TestWaitroom;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_who_waits_looks_as_it_did() {
    let waitroom = TestWaitroom::create(1, 1.0, 60).await;
    waitroom.put_show().await;
    waitroom.set_phase(Phase::PreQueue).await;
    let (_, _, cookie) = waitroom.instance.page("POST", "/queue/s/join", "").await;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let (_, page, _) = waitroom.instance.page("GET", "/queue/s", &cookie).await;
    insta::with_settings!({ filters => volatile(), prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("page_queue_waiting", page);
    });
}
