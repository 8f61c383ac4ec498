//! Which processes run now. Each holds a lock in Postgres for as long as it lives, so that the
//! others hear within a moment that one has ended, however it ended, and have its partitions shared
//! anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, ensure};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use crate::{kafka::Kafka, serve::Tasks};

/// The first key of the locks, which are this module's alone.
const PEERS: i32 = 7_266;
/// How often it is looked who is there.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// A look that takes longer says nothing. A Postgres that is slow is not one that is away.
const LOOK: Duration = Duration::from_secs(10);
/// Whoever is missed so often in a row has ended.
const MISSED_MAX: u32 = 3;
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// A process, by the key of its lock.
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

/// Stands up as `own`, and has shared anew what those had that end: all groups of `kafka`'s
/// consumers lose their members. Without that, Kafka waits for their sessions to time out.
pub fn start(pool: PgPool, kafka: Kafka, own: Peer, tasks: &Tasks) {
    let mut ended = watch(pool, own, tasks.clone());
    // Ends with the watch, which goes on until all tasks have ended.
    tokio::spawn(async move {
        while let Some(peer) = ended.recv().await {
            match kafka.take_out(&peer.client_name()).await {
                Ok(members) => tracing::info!(?peer, members, "another process has ended"),
                Err(error) => {
                    tracing::warn!(
                        ?peer,
                        error = format!("{error:#}"),
                        "another process has ended; some of what it had is shared anew once its \
                            sessions have timed out"
                    );
                }
            }
        }
    });
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
    let stands = timeout(LOOK, stand_as(&mut connection, own.0)).await;
    ensure!(stands.context("standing up")??, "a lock of its own is held already");
    *stood = true;
    let (mut known, mut missed) = (BTreeSet::new(), BTreeMap::new());
    loop {
        let there = timeout(LOOK, peers(&mut connection)).await.context("looking")??;
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

/// Holds a peer's lock for as long as the connection lives; `false` where somebody else does.
async fn stand_as(connection: &mut PgConnection, peer: i32) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1, $2)")
        .bind(PEERS)
        .bind(peer)
        .fetch_one(connection)
        .await
}

/// The peers whose locks are held now, in this database.
async fn peers(connection: &mut PgConnection) -> sqlx::Result<Vec<i32>> {
    // Keys are shown as unsigned numbers.
    let keys: Vec<i64> = sqlx::query_scalar(
        "SELECT objid::bigint FROM pg_locks
         WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = $1
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .bind(i64::from(PEERS))
    .fetch_all(connection)
    .await?;
    Ok(keys.into_iter().map(|key| key as u32 as i32).collect())
}
