//! Keeps stock true to the catalog's allotments: each change is applied once, in order, or refused
//! with the reason.
//!
//! More tickets are put into Postgres first and then into Redis; fewer are taken out of Redis
//! first, where nobody can hold them any more, and then out of Postgres. Each step in Redis has an
//! id and counts once, so one whose answer got lost can be repeated. Whatever fails in between,
//! Redis can only give away less than there is; the reconciler notices that, and until it has,
//! nothing is refused for want of free tickets. The answer is kept with the change, so a change
//! that comes again is answered alike.

use std::{cmp::Ordering, collections::HashSet, time::Duration};

use catalog::contract::{Settled, TicketTypeId};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    App, Error,
    stock::{
        self, ShardKey,
        allotment::AllotmentChange,
        rebuild,
        redis::{self as shard, ResizeOutcome},
    },
    store::{
        self,
        allotment::{AllotmentRow, ShardTickets},
        stock::StockRow,
    },
};

const ATTEMPTS_MAX: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);
/// How often a shard is told of a step, or one that is being filled of more tickets; after that the
/// keeper sees to it.
const TELLS_MAX: usize = 5;
/// What a reseller reads whose change broke on something that only we can mend.
const NOT_APPLIED: &str = "It could not be applied. Ask us.";

/// Applies a change, or finds out what became of it, and tells the catalog.
///
/// # Errors
/// Postgres, Redis or the order writer away. Doing it again is safe.
pub async fn settle(app: &App, change: &AllotmentChange) -> Result<(), Error> {
    match apply(app, change).await? {
        Some(settled) => tell(app, change, settled).await,
        None => Ok(()),
    }
}

/// Refuses a change that can never be applied, unless it was answered before.
///
/// # Errors
/// Postgres away. Doing it again is safe.
pub async fn give_up(app: &App, change: &AllotmentChange) -> Result<(), Error> {
    store::allotment::note(&app.pool, change, Some(NOT_APPLIED)).await?;
    // Whatever is noted now, be it from an attempt before, is the answer.
    let Some(known) = store::allotment::answered(&app.pool, change.ticket_type).await? else {
        return Ok(());
    };
    if known.revision == change.revision {
        tell(app, change, settled(known.refusal)).await?;
    }
    Ok(())
}

/// Tells the catalog what became of a change.
async fn tell(app: &App, change: &AllotmentChange, settled: Settled) -> Result<(), Error> {
    let outcome = match settled {
        Settled::Applied => "applied",
        Settled::Refused(_) => "refused",
    };
    catalog::contract::settle_allotment(&app.pool, change.ticket_type, change.revision, settled)
        .await?;
    metrics::counter!("fairgate_allotments_total", "outcome" => outcome).increment(1);
    let (ticket_type, revision) = (change.ticket_type, change.revision);
    tracing::info!(%ticket_type, revision, outcome, "an allotment was answered");
    Ok(())
}

fn settled(refusal: Option<String>) -> Settled {
    refusal.map_or(Settled::Applied, Settled::Refused)
}

/// What became of the change; `None` for one that a later one has overtaken.
async fn apply(app: &App, change: &AllotmentChange) -> Result<Option<Settled>, Error> {
    let mut all_known = false;
    for _ in 0..ATTEMPTS_MAX {
        match store::allotment::answered(&app.pool, change.ticket_type).await? {
            Some(AllotmentRow { revision, .. }) if revision > change.revision => return Ok(None),
            Some(AllotmentRow { revision, refusal }) if revision == change.revision => {
                return Ok(Some(settled(refusal)));
            }
            _ => {}
        }
        let rows = store::stock::of_type(&app.pool, change.ticket_type).await?;
        let done = match change.allotted.cmp(&total(&rows)) {
            Ordering::Less => lower(app, change, &rows, &mut all_known).await?,
            Ordering::Equal | Ordering::Greater => raise(app, change, &rows).await?,
        };
        if !done {
            sleep(PAUSE).await;
        }
    }
    Err(Error::Unavailable(format!("the stock of {} changes again and again", change.ticket_type)))
}

fn total(rows: &[StockRow]) -> i32 {
    rows.iter().map(|row| row.allotted).sum()
}

/// `false` where stock is not what was seen.
async fn raise(app: &App, change: &AllotmentChange, rows: &[StockRow]) -> Result<bool, Error> {
    let mut tx = app.pool.begin().await?;
    if !store::allotment::begin(&mut tx, change, total(rows), None).await? {
        return Ok(false);
    }
    let sizes: Vec<(i32, i32)> = rows.iter().map(|row| (row.shard, row.allotted)).collect();
    let parts = stock::raised(&sizes, change.allotted);
    let parts = store::allotment::add(&mut tx, &change.show, change.ticket_type, &parts).await?;
    tx.commit().await?;
    for part in &parts {
        put(app, part).await;
    }
    Ok(true)
}

/// Puts tickets into Redis that Postgres has under the part's epoch.
async fn put(app: &App, part: &ShardTickets) {
    for _ in 0..TELLS_MAX {
        match resize(app, part.key, part.epoch, part.tickets).await {
            // One that is missing, or was filled since, is filled from what Postgres has.
            Ok(ResizeOutcome::Missing | ResizeOutcome::Done(_)) => return,
            Ok(ResizeOutcome::OtherEpoch(epoch)) if epoch > part.epoch => return,
            Ok(ResizeOutcome::OtherEpoch(_)) => sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(shard = %part.key, %error, "Redis was not told of tickets; the \
                    keeper will see to it");
                return;
            }
        }
    }
    tracing::warn!(shard = %part.key, "Redis was not told of tickets; the reconciler will see to \
        it");
}

/// One step in Redis, asked for again where the answer got lost; it counts once.
async fn resize(
    app: &App,
    key: ShardKey,
    epoch: i64,
    tickets: i32,
) -> Result<ResizeOutcome, Error> {
    let step = Uuid::new_v4();
    let mut told = 0;
    loop {
        match shard::resize(&app.redis, key, epoch, tickets, step).await {
            Ok(resized) => return Ok(resized),
            Err(error) => {
                told += 1;
                if told == TELLS_MAX {
                    return Err(error.into());
                }
                tracing::debug!(shard = %key, %error, "changing how many tickets are on sale");
                sleep(PAUSE).await;
            }
        }
    }
}

/// `false` where stock is not what was seen. A refusal counts tickets that are not free as sold or
/// held, so it is given only after Redis was seen (`all_known`) to know of every ticket that
/// Postgres has.
async fn lower(
    app: &App,
    change: &AllotmentChange,
    rows: &[StockRow],
    all_known: &mut bool,
) -> Result<bool, Error> {
    let wanted = total(rows) - change.allotted;
    let parts = match take_off(app, rows, wanted).await? {
        TakenOff::All(parts) => parts,
        TakenOff::Insufficient(free) if *all_known => {
            return refuse(app, change, rows, wanted - free).await;
        }
        TakenOff::Insufficient(_) => {
            *all_known = is_all_known(app, change.ticket_type).await?;
            return Ok(false);
        }
        TakenOff::Moved => return Ok(false),
    };
    let lowered = async {
        let mut tx = app.pool.begin().await?;
        let as_seen = store::allotment::begin(&mut tx, change, total(rows), None).await?
            && store::allotment::remove(&mut tx, &parts).await?;
        Ok::<_, Error>(as_seen.then_some(tx))
    };
    match lowered.await {
        // Should the answer to the commit get lost, the tickets stay off sale until the reconciler
        // has looked.
        Ok(Some(tx)) => {
            tx.commit().await?;
            Ok(true)
        }
        other => {
            put_back(app, &parts).await;
            other.map(|_| false)
        }
    }
}

/// Notes that so few can be taken off sale that `missing` are sold or held.
async fn refuse(
    app: &App,
    change: &AllotmentChange,
    rows: &[StockRow],
    missing: i32,
) -> Result<bool, Error> {
    let committed: i32 = rows.iter().map(|row| row.committed).sum();
    let reason = stock::refusal(committed, change.allotted + missing);
    let mut tx = app.pool.begin().await?;
    if !store::allotment::begin(&mut tx, change, total(rows), Some(&reason)).await? {
        return Ok(false);
    }
    tx.commit().await?;
    Ok(true)
}

/// Whether Redis knows of every ticket that Postgres has. Each shard is compared at a moment at
/// which it has seen all changes; one that lost tickets agrees again after the reconciler has
/// looked, twice.
async fn is_all_known(app: &App, ticket_type: TicketTypeId) -> Result<bool, Error> {
    let mut agreed = HashSet::new();
    for _ in 0..ATTEMPTS_MAX {
        let rows = store::stock::of_type(&app.pool, ticket_type).await?;
        for row in rows.iter().filter(|row| !agreed.contains(&row.shard)).collect::<Vec<_>>() {
            if shard::look(&app.redis, row.key())
                .await?
                .is_some_and(|seen| row.missing_from(&seen) == Some(0))
            {
                agreed.insert(row.shard);
            }
        }
        if rows.iter().all(|row| agreed.contains(&row.shard)) {
            return Ok(true);
        }
        sleep(PAUSE).await;
    }
    Ok(false)
}

enum TakenOff {
    All(Vec<ShardTickets>),
    /// So many only are free, and none was taken.
    Insufficient(i32),
    /// A shard is not what was seen.
    Moved,
}

/// Takes `wanted` free tickets out of Redis, from the fullest shard first, or none. Whether there
/// are as many is looked up first: a change that cannot be made takes nothing off sale, not even
/// for a moment.
async fn take_off(app: &App, rows: &[StockRow], wanted: i32) -> Result<TakenOff, Error> {
    let mut free = Vec::with_capacity(rows.len());
    for row in rows {
        match shard::look(&app.redis, row.key()).await? {
            Some(seen) if seen.epoch == row.epoch => {
                free.push((row.shard, (seen.free + seen.run_out).max(0)))
            }
            Some(_) => return Ok(TakenOff::Moved),
            None => {
                rebuild::ensure_present(app, row.key()).await?;
                return Ok(TakenOff::Moved);
            }
        }
    }
    let Some(plan) = stock::allocate(wanted, &free) else {
        return Ok(TakenOff::Insufficient(
            i32::try_from(stock::total_free(&free)).unwrap_or(wanted),
        ));
    };
    let mut parts = Vec::with_capacity(plan.len());
    for (shard, tickets) in plan {
        let Some(row) = rows.iter().find(|row| row.shard == shard) else { continue };
        let part = ShardTickets { key: row.key(), epoch: row.epoch, tickets };
        match resize(app, part.key, part.epoch, -tickets).await {
            Ok(ResizeOutcome::Done(done)) if done == tickets => parts.push(part),
            other => {
                put_back(app, &parts).await;
                other?;
                return Ok(TakenOff::Moved);
            }
        }
    }
    Ok(TakenOff::All(parts))
}

async fn put_back(app: &App, parts: &[ShardTickets]) {
    for part in parts {
        put(app, part).await;
    }
}
