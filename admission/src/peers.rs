//! Which processes run admission now. Each holds a lock in Postgres for as long as it lives, so
//! that the others hear within a moment that one has ended, however it ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, ensure};
use kit::serve::Tasks;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use crate::store;

/// How often it is looked who is there.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// A look that takes longer says nothing. A Postgres that is slow is not one that is away.
const LOOK: Duration = Duration::from_secs(10);
/// Whoever is missed so often in a row has ended.
const MISSED_MAX: u32 = 3;
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A process that runs admission, by the key of its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer(pub i32);

impl Peer {
    /// One that nobody else is, as good as certainly.
    pub fn fresh() -> Self {
        let [a, b, c, d, ..] = *uuid::Uuid::new_v4().as_bytes();
        Self(i32::from_be_bytes([a, b, c, d]))
    }

    /// What its clients of Kafka call themselves.
    pub fn client_name(self) -> String {
        format!("fairgate-{:08x}", self.0)
    }
}

/// Stands up as `own` and tells of others that have ended, until `tasks` have: whoever still lets
/// go of lanes has not ended. Postgres being away is waited out: while it is, nobody is known to
/// have ended.
pub fn watch(pool: PgPool, own: Peer, tasks: Tasks) -> mpsc::Receiver<Peer> {
    let (sender, ended) = mpsc::channel(64);
    let stand_always = async move {
        let mut failing = false;
        loop {
            let (began, mut stood) = (Instant::now(), false);
            let Err(error) = stand(&pool, own, &sender, &mut stood).await else { continue };
            if stood && began.elapsed() > AGAIN_AFTER {
                // Whoever merely lost a connection is there again before others miss it.
                failing = false;
                tracing::debug!(error = format!("{error:#}"), "standing up again");
                continue;
            }
            if !failing {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "other processes cannot be seen, nor \
                    this one by them; lanes of one that ends wait for its session to time out"
                );
            }
            failing = true;
            sleep(AGAIN_AFTER).await;
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = stand_always => {}
            () = tasks.ended() => {}
        }
    });
    ended
}

/// Holds the lock and looks, for as long as the connection is good.
async fn stand(
    pool: &PgPool,
    own: Peer,
    ended: &mpsc::Sender<Peer>,
    stood: &mut bool,
) -> anyhow::Result<()> {
    // A connection of its own: the lock is as old as it. Postgres ends it soon where this host has
    // vanished.
    let options = (*pool.connect_options()).clone().options([
        ("idle_session_timeout", "10000"),
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "2"),
        ("tcp_keepalives_count", "3"),
    ]);
    let connected = timeout(LOOK, PgConnection::connect_with(&options)).await;
    let mut connection = connected.context("connecting")?.context("connecting")?;
    let stands = timeout(LOOK, store::stand_as(&mut connection, own.0)).await;
    ensure!(stands.context("standing up")??, "a lock of its own is held already");
    *stood = true;
    let (mut known, mut missed) = (BTreeSet::new(), BTreeMap::new());
    loop {
        let there = timeout(LOOK, store::peers(&mut connection)).await.context("looking")??;
        let there = BTreeSet::from_iter(there.into_iter().map(Peer));
        ensure!(there.contains(&own), "the lock was lost");
        missed.retain(|peer, _| !there.contains(peer));
        for peer in known.difference(&there) {
            *missed.entry(*peer).or_insert(0) += 1;
        }
        for (peer, _) in missed.extract_if(.., |_, times| *times >= MISSED_MAX) {
            known.remove(&peer);
            let _ = ended.send(peer).await;
        }
        known.extend(there);
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use testkit::{TestEnv, eventually};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_ends_is_missed_by_the_others_and_whoever_only_loses_sight_is_not() {
        let TestEnv { pool, .. } = TestEnv::new().await;
        let stand = async |peer: Peer| {
            let tasks = Tasks::default();
            let ended = watch(pool.clone(), peer, tasks.clone());
            let mut connection = pool.acquire().await.expect("a connection");
            eventually("it is seen", async || {
                store::peers(&mut connection).await.expect("peers").contains(&peer.0).then_some(())
            })
            .await;
            (tasks, ended)
        };
        let (first, second) = (Peer(-7), Peer(7));
        let (first_tasks, _) = stand(first).await;
        let (_second_tasks, mut ended) = stand(second).await;
        // Both must have been seen by the second at once, before one of them ends.
        sleep(3 * LOOK_EVERY).await;
        first_tasks.drain().await;
        assert_eq!(ended.recv().await, Some(first));

        // One loses its connection alone, and stands up again; then all do, as when Postgres is
        // restarted: nobody has ended.
        let (_first_tasks, _) = stand(first).await;
        for key in [Some(first.0), None] {
            sleep(3 * LOOK_EVERY).await;
            sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_locks
                 WHERE locktype = 'advisory' AND classid::bigint = 7266 AND database =
                     (SELECT oid FROM pg_database WHERE datname = current_database())
                   AND ($1::int IS NULL OR objid::bigint = $1::int::bigint & 4294967295)",
            )
            .bind(key)
            .execute(&pool)
            .await
            .expect("terminated");
        }
        let heard = timeout(AGAIN_AFTER + 6 * LOOK_EVERY, ended.recv()).await;
        assert!(heard.is_err(), "{heard:?}");
    }
}
