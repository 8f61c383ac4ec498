//! The console as operators see it. A change shows in `snapshots/`.

use testkit::volatile;

use crate::test_console::{TestConsole, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_rooms_looks_as_it_did() {
    let (console, token) = TestConsole::with_admin().await;
    console.put_room(&token, "s").await;
    let cookie = format!("fg_admin={token}");
    let page = eventually("the room is measured", async || {
        let page = console.get("/admin", &cookie).await.ok(200).text;
        page.contains("/admin/rooms/s").then_some(page)
    })
    .await;
    insta::with_settings!({ filters => volatile(), prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("page_console_rooms", page);
    });
}
