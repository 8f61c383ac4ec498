//! What the commands of a batch touch, read and locked.

use std::collections::{HashMap, HashSet};

use catalog::contract::{Currency, Money, ShowId, TicketTypeId};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::HoldId,
    order::{
        OrderId,
        command::{Command, QueuedCommand},
        plan::{BatchState, ExistingOrder, LockedStock},
    },
    session::SessionId,
    stock::ShardKey,
    store::order::{reason, state},
};

/// Reads what the commands touch, locking stock first and then orders, each in sorted order.
pub async fn read(
    tx: &mut PgConnection,
    queued: &[QueuedCommand],
    now: DateTime<Utc>,
) -> sqlx::Result<BatchState> {
    let mut orders = Vec::new();
    let (mut holds, mut sessions, mut shards) = (Vec::new(), Vec::new(), HashSet::new());
    for QueuedCommand { command, .. } in queued {
        match command {
            Command::Submit(submit) => {
                orders.push(submit.order);
                holds.push(submit.hold);
                sessions.push(submit.session);
                shards.extend(submit.lines.iter().map(|line| (line.ticket_type, line.shard)));
            }
            Command::Cancel(end) | Command::Expire(end) | Command::Refund(end) => {
                orders.push(end.order)
            }
        }
    }
    let mut found = BatchState::default();
    // Orders come and go in their partition only, which the fence has locked: which ones there are
    // will not change.
    let known = read_orders(tx, &orders, &holds, &sessions, &mut found).await?;
    let lines = if known.is_empty() { Lines::new() } else { lines_of(tx, &known).await? };
    shards.extend(lines.values().flatten().map(|(key, _)| (key.ticket_type, key.shard)));
    lock_stock(tx, &shards.into_iter().collect::<Vec<_>>(), &mut found).await?;
    if !known.is_empty() {
        lock_orders(tx, &known, lines, &mut found).await?;
    }
    let late: Vec<OrderId> = late_submissions(queued, now).collect();
    if !late.is_empty() {
        let rows = sqlx::query!(
            "SELECT order_id, reason FROM checkout.refusals WHERE order_id = ANY($1)",
            &late as _
        )
        .fetch_all(tx)
        .await?;
        for row in rows {
            found.rejected.insert(row.order_id.into(), reason(&row.reason)?);
        }
    }
    Ok(found)
}

/// Orders whose time to pay is over before they are written.
fn late_submissions(
    queued: &[QueuedCommand],
    now: DateTime<Utc>,
) -> impl Iterator<Item = OrderId> + '_ {
    queued.iter().filter_map(move |queued| match &queued.command {
        Command::Submit(submit) if submit.expires_at <= now => Some(submit.order),
        _ => None,
    })
}

/// Which of `orders` there are. Of the others it notes those that have one of the holds or
/// sessions.
async fn read_orders(
    tx: &mut PgConnection,
    orders: &[OrderId],
    holds: &[HoldId],
    sessions: &[SessionId],
    found: &mut BatchState,
) -> sqlx::Result<Vec<OrderId>> {
    let rows = sqlx::query!(
        r#"SELECT order_id AS "order_id!", hold AS "hold!", session AS "session!", state AS "state!"
           FROM checkout.orders WHERE order_id = ANY($1)
           UNION SELECT order_id, hold, session, state FROM checkout.orders WHERE hold = ANY($2)
           UNION SELECT order_id, hold, session, state FROM checkout.orders WHERE session = ANY($3)"#,
        orders as _,
        holds as _,
        sessions as _
    )
    .fetch_all(tx)
    .await?;
    let queued: HashSet<OrderId> = orders.iter().copied().collect();
    let mut known = Vec::new();
    for row in rows {
        if queued.contains(&row.order_id.into()) {
            known.push(row.order_id.into());
            continue;
        }
        found.holds.insert(row.hold.into());
        if state(&row.state)?.keeps_stock() {
            found.sessions.insert(row.session.into(), row.order_id.into());
        }
    }
    Ok(known)
}

type Lines = HashMap<OrderId, Vec<(ShardKey, i32)>>;

/// Lines never change, so they can be read before anything is locked.
async fn lines_of(tx: &mut PgConnection, orders: &[OrderId]) -> sqlx::Result<Lines> {
    let rows = sqlx::query!(
        "SELECT order_id, ticket_type, shard, quantity FROM checkout.order_lines WHERE order_id = \
            ANY($1)",
        orders as _
    )
    .fetch_all(tx)
    .await?;
    let mut lines = Lines::new();
    for row in rows {
        let key = ShardKey { ticket_type: row.ticket_type.into(), shard: row.shard };
        lines.entry(row.order_id.into()).or_default().push((key, row.quantity));
    }
    Ok(lines)
}

async fn lock_stock(
    tx: &mut PgConnection,
    shards: &[(TicketTypeId, i32)],
    found: &mut BatchState,
) -> sqlx::Result<()> {
    let (types, numbers): (Vec<Uuid>, Vec<i32>) =
        shards.iter().map(|(ticket_type, shard)| (ticket_type.uuid(), *shard)).unzip();
    let rows = sqlx::query!(
        "SELECT ticket_type, shard, allotted, committed, epoch, version FROM checkout.stock
         WHERE (ticket_type, shard) IN (SELECT * FROM UNNEST($1::uuid[], $2::int[]))
         ORDER BY ticket_type, shard FOR UPDATE",
        &types,
        &numbers
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        let key = ShardKey { ticket_type: row.ticket_type.into(), shard: row.shard };
        let (allotted, committed, epoch, version) =
            (row.allotted, row.committed, row.epoch, row.version);
        found.stock.insert(key, LockedStock { allotted, committed, epoch, version });
    }
    Ok(())
}

async fn lock_orders(
    tx: &mut PgConnection,
    orders: &[OrderId],
    mut lines: Lines,
    found: &mut BatchState,
) -> sqlx::Result<()> {
    let rows = sqlx::query!(
        r#"SELECT order_id, session, show AS "show: ShowId", hold, state, amount_minor,
                  currency AS "currency: Currency", expires_at
           FROM checkout.orders WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE"#,
        orders as _
    )
    .fetch_all(tx)
    .await?;
    for row in rows {
        let known = ExistingOrder {
            state: state(&row.state)?,
            session: row.session.into(),
            show: row.show,
            amount: Money::new(row.amount_minor, row.currency),
            expires_at: row.expires_at,
            lines: lines.remove(&row.order_id.into()).unwrap_or_default(),
        };
        found.holds.insert(row.hold.into());
        if known.state.keeps_stock() {
            found.sessions.insert(known.session, row.order_id.into());
        }
        found.orders.insert(row.order_id.into(), known);
    }
    Ok(())
}
