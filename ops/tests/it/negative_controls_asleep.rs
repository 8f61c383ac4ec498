//! Negative controls of rooms that sleep: what a broken mechanism would leave behind is written
//! directly.

use crate::{
    fan,
    sleeping::asleep,
    test_system::{TestSystem, assert_objects},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_pass_from_before_it_was_given_is_seen() {
    let system = TestSystem::open().await;
    asleep(&system, "early", 100, 100).await;
    fan::session(&system, "early").await;
    sqlx::query("UPDATE checkout.sessions SET opened_at = opened_at - interval '1 hour'")
        .execute(&system.stores.pool)
        .await
        .expect("changed");
    assert_objects(&system.verify().await, &["straight-in"]);
}
