//! Filling a shard in Redis anew from Postgres, under a new epoch.
//!
//! First the writer drains what was submitted under the old epoch, so that no order in the log is
//! refused for it; then the epoch is raised, after which the writer refuses what was submitted
//! under an earlier one; then Redis is filled. Whatever fails in between, Redis can only know less
//! stock than there is.

use std::{collections::HashSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use sqlx::{PgPool, postgres::PgAdvisoryLock};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use crate::{
    App, Error,
    order::command_log::{self, COMMANDS_TOPIC},
    stock::{
        ShardKey,
        redis::{self as shard, ShardSnapshot},
    },
    store::{self, writer::LogOffsetRow},
};

/// How long the writer may take to drain.
const DRAIN_MAX: Duration = Duration::from_secs(3);
/// How long one who needs a shard waits for another who fills it.
const PRESENT_MAX: Duration = Duration::from_secs(4);

/// Rebuilds of this process at once at most. Each keeps a connection to Postgres busy while it
/// waits for the writers, who need some too: so many connections are left for each.
const AT_ONCE_MAX: u32 = 4;
const CONNECTIONS_EACH: u32 = 4;

/// What this process is filling.
#[derive(Clone)]
pub struct Rebuilds {
    shards: Arc<Mutex<HashSet<ShardKey>>>,
    room: Arc<Semaphore>,
}

/// How many rebuilds a pool of so many connections can bear at once.
fn at_once(connections_max: u32) -> u32 {
    (connections_max / CONNECTIONS_EACH).clamp(1, AT_ONCE_MAX)
}

impl Rebuilds {
    pub fn new(pool: &PgPool) -> Self {
        let room = Semaphore::new(at_once(pool.options().get_max_connections()) as usize);
        Self { shards: Arc::default(), room: Arc::new(room) }
    }

    fn begin(&self, shard: ShardKey) -> Option<Turn> {
        let began = self.shards.lock().insert(shard);
        began.then(|| Turn { rebuilds: self.clone(), shard })
    }
}

struct Turn {
    rebuilds: Rebuilds,
    shard: ShardKey,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.rebuilds.shards.lock().remove(&self.shard);
    }
}

/// What somebody saw who asks for a rebuild; if it looks otherwise by now, another was faster and
/// nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Missing,
    /// An epoch whose books do not agree with Postgres, or whose placings are not settled.
    Wrong {
        epoch: i64,
    },
}

impl Seen {
    /// Redis's epoch, which is ahead of a Postgres that came back with less.
    fn epoch(self) -> i64 {
        match self {
            Self::Missing => 0,
            Self::Wrong { epoch } => epoch,
        }
    }

    fn still(self, now: Option<ShardSnapshot>) -> bool {
        match (self, now) {
            (Self::Missing, None) => true,
            (Self::Wrong { epoch }, Some(now)) => now.epoch == epoch,
            (Self::Missing, Some(_)) | (Self::Wrong { .. }, None) => false,
        }
    }
}

/// Fills a shard that Redis does not know, or waits for who is at it.
///
/// # Errors
/// `try-again-soon` where that takes longer than a request should wait.
pub async fn ensure_present(app: &App, shard: ShardKey) -> Result<(), Error> {
    let deadline = Instant::now() + PRESENT_MAX;
    loop {
        if let Some(turn) = app.rebuilds.begin(shard) {
            let app = app.clone();
            // Its own task: a caller who hangs up does not stop it half-way.
            let filling = tokio::spawn(async move {
                let _turn = turn;
                rebuild(&app, shard, Seen::Missing).await
            });
            match filling.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(error),
                Err(error) => return Err(Error::internal(error)),
            }
        }
        if shard::look(&app.redis, shard).await?.is_some() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::Unavailable(format!("stock shard {shard} is being filled")));
        }
        sleep(Duration::from_millis(25)).await;
    }
}

/// Rebuilds a shard, unless this process is at it already.
pub async fn rebuild_once(app: &App, shard: ShardKey, seen: Seen) -> Result<(), Error> {
    match app.rebuilds.begin(shard) {
        Some(_turn) => rebuild(app, shard, seen).await,
        None => Ok(()),
    }
}

async fn rebuild(app: &App, shard: ShardKey, seen: Seen) -> Result<(), Error> {
    let _room = app.rebuilds.room.acquire().await.map_err(Error::internal)?;
    let connection = app.pool.acquire().await?;
    // One process at a time. The lock ends with its connection, whatever happens.
    let lock = PgAdvisoryLock::new(format!("checkout.stock {shard}"));
    let guard = match lock.try_acquire(connection).await? {
        sqlx::Either::Left(guard) => guard,
        sqlx::Either::Right(_) => return Ok(()),
    };
    let done = rebuild_alone(app, shard, seen).await;
    guard.release_now().await?;
    done
}

async fn rebuild_alone(app: &App, shard: ShardKey, seen: Seen) -> Result<(), Error> {
    if !seen.still(shard::look(&app.redis, shard).await?) {
        return Ok(());
    }
    if !drained(app).await? {
        return Err(Error::Unavailable(format!(
            "the order writer is behind; stock shard {shard} waits for it"
        )));
    }
    let Some(row) = store::stock::raise_epoch(&app.pool, shard, seen.epoch()).await? else {
        return Err(Error::Unavailable(format!("there is no stock shard {shard}")));
    };
    shard::load(&app.redis, shard, row.epoch, row.allotted - row.committed, row.version).await?;
    metrics::counter!("fairgate_stock_rebuilds_total").increment(1);
    match seen {
        Seen::Missing => {
            tracing::debug!(%shard, epoch = row.epoch, "stock was filled from Postgres")
        }
        Seen::Wrong { .. } => {
            tracing::warn!(%shard, epoch = row.epoch, "stock was wrong in Redis and was filled \
                anew")
        }
    }
    Ok(())
}

/// Waits until the writers have written everything that is in the log by now. `false` where they
/// take too long.
async fn drained(app: &App) -> Result<bool, Error> {
    let bounds = command_log::log_bounds(app).await?;
    // Asked for after the ends, so that where the log is made anew in between, no offset of the old
    // one is believed.
    let log = match app.kafka.topic_id(COMMANDS_TOPIC).await {
        Ok(Some(log)) => log,
        Ok(None) => return Err(Error::Unavailable("the order log is not there".to_owned())),
        Err(error) => return Err(Error::Unavailable(format!("{error:#}"))),
    };
    let deadline = Instant::now() + DRAIN_MAX;
    loop {
        let written = store::writer::log_offsets(&app.pool).await?;
        let reached = |partition: i32, end: i64| {
            let is_there = |row: &LogOffsetRow| {
                row.partition == partition && row.log == Some(log) && row.next_offset >= end
            };
            end == 0 || written.iter().any(is_there)
        };
        if bounds.iter().all(|(partition, _, end)| reached(*partition, *end)) {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rebuilds_leave_connections_for_the_writers() {
        assert_eq!([2, 7, 8, 15, 24, 500].map(at_once), [1, 1, 2, 3, 4, 4]);
    }

    #[test]
    fn a_rebuild_is_for_what_was_seen() {
        let now = ShardSnapshot {
            free: 0,
            held: 0,
            placing: 0,
            epoch: 3,
            version: 0,
            run_out: 0,
            overdue: 0,
        };
        assert!(Seen::Missing.still(None) && !Seen::Missing.still(Some(now)));
        assert!(
            Seen::Wrong { epoch: 3 }.still(Some(now)) && !Seen::Wrong { epoch: 2 }.still(Some(now))
        );
        assert!(!Seen::Wrong { epoch: 3 }.still(None));
    }
}
