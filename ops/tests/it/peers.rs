//! Processes that see each other.

use std::time::Duration;

use kit::{
    peers::{Peer, watch},
    serve::Tasks,
};
use testkit::{TestEnv, eventually};
use tokio::time::{sleep, timeout};

/// Whoever stands is seen by the others within this time.
const SEEN_WITHIN: Duration = Duration::from_millis(450);
/// The locks of this database's processes, or of the one that `$1` names.
const LOCKS: &str = "locktype = 'advisory' AND classid::bigint = 7266 AND database =
    (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ($1::int IS NULL OR objid::bigint = $1::int::bigint & 4294967295)";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_ends_is_missed_by_the_others_and_whoever_only_loses_sight_is_not() {
    let TestEnv { pool, .. } = TestEnv::new().await;
    let stand = async |peer: Peer| {
        let tasks = Tasks::default();
        let ended = watch(pool.clone(), peer, tasks.clone());
        eventually("it stands", async || {
            let held = format!("SELECT count(*) FROM pg_locks WHERE {LOCKS}");
            let held = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(held)).bind(peer.0);
            (held.fetch_one(&pool).await.expect("locks") == 1).then_some(())
        })
        .await;
        (tasks, ended)
    };
    let (first, second) = (Peer(-7), Peer(7));
    let (first_tasks, _) = stand(first).await;
    let (_second_tasks, mut ended) = stand(second).await;
    // Both must have been seen by the second at once, before one of them ends.
    sleep(SEEN_WITHIN).await;
    first_tasks.drain().await;
    assert_eq!(ended.recv().await, Some(first));

    // One loses its connection alone, and stands up again; then all do, as when Postgres is
    // restarted: nobody has ended.
    let (_first_tasks, _) = stand(first).await;
    for key in [Some(first.0), None] {
        sleep(SEEN_WITHIN).await;
        let ended = format!("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE {LOCKS}");
        let ended = sqlx::query(sqlx::AssertSqlSafe(ended)).bind(key);
        ended.execute(&pool).await.expect("terminated");
    }
    let heard = timeout(4 * SEEN_WITHIN, ended.recv()).await;
    assert!(heard.is_err(), "{heard:?}");
}
