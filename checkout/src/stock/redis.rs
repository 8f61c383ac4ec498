//! One shard of stock in Redis: what is free, held and being submitted. Every step is one script.
//!
//! Redis may forget all of it at any moment; [`crate::stock::rebuild`] fills it anew from Postgres
//! under a new epoch.

use std::sync::LazyLock;

use catalog::contract::TicketTypeId;
use chrono::{DateTime, Utc};
use kit::redis::Redis;
use redis::{RedisResult, Script, ScriptInvocation};
use uuid::Uuid;

use crate::{
    hold::HoldId,
    order::OrderId,
    stock::{Settlement, ShardKey},
};

static RESERVE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/reserve.lua")));
static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/release.lua")));
static SUBMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/submit.lua")));
static RETRACT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/retract.lua")));
static SETTLE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/settle.lua")));
static LOAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/load.lua")));
static RESIZE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/resize.lua")));
static LOOK: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/look.lua")));
const STOCK: &str = "stock";
const HOLDS: &str = "holds";
const HELD: &str = "held";
const PLACING: &str = "placing";
const PLACING_QUANTITY: &str = "placing-quantity";
const RESIZED: &str = "resized";
/// Longer than anybody repeats a step of [`resize`].
const STEPS_KEPT_SECS: u32 = 60;
const ALL: [&str; 5] = [STOCK, HOLDS, HELD, PLACING, PLACING_QUANTITY];

/// The answer to reserving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveOutcome {
    Held,
    /// Insufficient; carries how many can be had.
    Insufficient(i64),
    /// Redis does not know the shard.
    Missing,
}

/// The answer to submitting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// The tickets wait for the writer. `moved` says whether this call did it.
    Placing {
        epoch: i64,
        moved: bool,
    },
    /// The hold ran out, or was lost with Redis.
    Gone,
    Missing,
}

/// The answer to settling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettleOutcome {
    Applied,
    /// The shard was rebuilt meanwhile and knows.
    OtherEpoch,
    /// An earlier change has not arrived.
    Gap,
}

/// The answer to resizing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResizeOutcome {
    /// So many were put on sale, or taken off.
    Done(i32),
    /// The shard is of this epoch.
    OtherEpoch(i64),
    Missing,
}

/// A shard at one moment. `free + held + placing` plus what Postgres has as committed is what was
/// allotted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardSnapshot {
    pub free: i64,
    /// With holds that ran out and were not reclaimed yet.
    pub held: i64,
    pub placing: i64,
    pub epoch: i64,
    pub version: i64,
    /// The part of `held` that has run out.
    pub run_out: i64,
    /// Placings past their deadline.
    pub overdue: i64,
}

fn call<'a>(
    script: &'a Script,
    redis: &Redis,
    shard: ShardKey,
    kinds: &[&str],
) -> ScriptInvocation<'a> {
    let slot = shard.to_string();
    let mut call = script.prepare_invoke();
    for kind in kinds {
        call.key(redis.key(kind, &slot));
    }
    call
}

/// Holds `quantity` for `hold` until `until`. The same hold again is the same hold, with the new
/// quantity and end. What `earlier` holds here is taken first, as far as it is needed; the rest
/// stays its own.
pub async fn reserve(
    redis: &Redis,
    shard: ShardKey,
    hold: HoldId,
    quantity: i32,
    until: DateTime<Utc>,
    earlier: Option<HoldId>,
) -> RedisResult<ReserveOutcome> {
    let mut call = call(&RESERVE, redis, shard, &[STOCK, HOLDS, HELD]);
    call.arg(hold.to_string()).arg(quantity).arg(until.timestamp_millis());
    if let Some(earlier) = earlier {
        call.arg(earlier.to_string());
    }
    let answer: Vec<i64> = call.invoke_async(&mut redis.connection()).await?;
    Ok(match answer.as_slice() {
        [1] => ReserveOutcome::Held,
        [2, left] => ReserveOutcome::Insufficient(*left),
        _ => ReserveOutcome::Missing,
    })
}

/// Releases a hold. One that is not held (any more) changes nothing.
pub async fn release(redis: &Redis, shard: ShardKey, hold: HoldId) -> RedisResult<()> {
    let mut call = call(&RELEASE, redis, shard, &[STOCK, HOLDS, HELD]);
    call.arg(hold.to_string());
    call.invoke_async::<i64>(&mut redis.connection()).await?;
    Ok(())
}

/// Releases a hold, first to the `earlier` hold what that lacks of its `tickets` here; it runs
/// out at `until`.
pub async fn release_to(
    redis: &Redis,
    shard: ShardKey,
    hold: HoldId,
    earlier: HoldId,
    tickets: i32,
    until: DateTime<Utc>,
) -> RedisResult<()> {
    let mut call = call(&RELEASE, redis, shard, &[STOCK, HOLDS, HELD]);
    call.arg(hold.to_string()).arg(earlier.to_string()).arg(tickets).arg(until.timestamp_millis());
    call.invoke_async::<i64>(&mut redis.connection()).await?;
    Ok(())
}

/// Moves a hold of `quantity` to `order`, which is being submitted.
pub async fn submit(
    redis: &Redis,
    shard: ShardKey,
    hold: HoldId,
    order: OrderId,
    quantity: i32,
    deadline: DateTime<Utc>,
) -> RedisResult<SubmitOutcome> {
    let mut call = call(&SUBMIT, redis, shard, &ALL);
    call.arg(hold.to_string())
        .arg(order.to_string())
        .arg(quantity)
        .arg(deadline.timestamp_millis());
    let answer: Vec<i64> = call.invoke_async(&mut redis.connection()).await?;
    Ok(match answer.as_slice() {
        [1, epoch, moved] => SubmitOutcome::Placing { epoch: *epoch, moved: *moved == 1 },
        [2] => SubmitOutcome::Gone,
        _ => SubmitOutcome::Missing,
    })
}

/// Takes a submission back whose command certainly never reached the log.
pub async fn retract(
    redis: &Redis,
    shard: ShardKey,
    order: OrderId,
    epoch: i64,
) -> RedisResult<()> {
    let mut call = call(&RETRACT, redis, shard, &[STOCK, PLACING, PLACING_QUANTITY]);
    call.arg(order.to_string()).arg(epoch);
    call.invoke_async::<i64>(&mut redis.connection()).await?;
    Ok(())
}

/// Tells a shard what was committed.
pub async fn settle(
    redis: &Redis,
    shard: ShardKey,
    settlement: &Settlement,
) -> RedisResult<SettleOutcome> {
    let mut call = call(&SETTLE, redis, shard, &[STOCK, PLACING, PLACING_QUANTITY]);
    call.arg(settlement.epoch)
        .arg(settlement.version_from)
        .arg(settlement.version_to)
        .arg(settlement.freed)
        .arg(settlement.accepted.len());
    for (order, quantity) in &settlement.accepted {
        call.arg(order.to_string()).arg(*quantity);
    }
    for order in &settlement.returned {
        call.arg(order.to_string());
    }
    let answer: i64 = call.invoke_async(&mut redis.connection()).await?;
    Ok(match answer {
        0 => SettleOutcome::Applied,
        1 => SettleOutcome::OtherEpoch,
        _ => SettleOutcome::Gap,
    })
}

/// Fills a shard under a new epoch.
pub async fn load(
    redis: &Redis,
    shard: ShardKey,
    epoch: i64,
    uncommitted: i32,
    version: i64,
) -> RedisResult<bool> {
    let mut call = call(&LOAD, redis, shard, &ALL);
    call.arg(epoch).arg(uncommitted).arg(version);
    let answer: i64 = call.invoke_async(&mut redis.connection()).await?;
    Ok(answer == 1)
}

/// Puts `tickets` on sale; where they are below zero, takes so many free ones off sale, or none.
/// The same `step` again, within a minute, changes nothing and gives the same answer.
pub async fn resize(
    redis: &Redis,
    shard: ShardKey,
    epoch: i64,
    tickets: i32,
    step: Uuid,
) -> RedisResult<ResizeOutcome> {
    let mut call = call(&RESIZE, redis, shard, &[STOCK, HOLDS, HELD, RESIZED]);
    call.arg(epoch).arg(tickets).arg(step.to_string()).arg(STEPS_KEPT_SECS);
    let answer: Vec<i64> = call.invoke_async(&mut redis.connection()).await?;
    Ok(match answer.as_slice() {
        [1, done] => ResizeOutcome::Done(i32::try_from(*done).unwrap_or(i32::MAX)),
        [2, epoch] => ResizeOutcome::OtherEpoch(*epoch),
        _ => ResizeOutcome::Missing,
    })
}

/// A shard now, or `None` where Redis does not know it.
pub async fn look(redis: &Redis, shard: ShardKey) -> RedisResult<Option<ShardSnapshot>> {
    let call = call(&LOOK, redis, shard, &ALL);
    let answer: Vec<i64> = call.invoke_async(&mut redis.connection()).await?;
    Ok(match answer.as_slice() {
        [free, held, placing, epoch, version, run_out, overdue] => Some(ShardSnapshot {
            free: *free,
            held: *held,
            placing: *placing,
            epoch: *epoch,
            version: *version,
            run_out: *run_out,
            overdue: *overdue,
        }),
        _ => None,
    })
}

/// A shard of a ticket type now, or `None` where Redis does not know it. For the checker.
///
/// # Errors
/// Redis away.
pub async fn snapshot(
    redis: &Redis,
    ticket_type: TicketTypeId,
    shard: i32,
) -> RedisResult<Option<ShardSnapshot>> {
    look(redis, ShardKey { ticket_type, shard }).await
}
