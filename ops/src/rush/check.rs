//! After the sale: what Kafka and Postgres hold of it, compared with what the fans were told.

use std::{collections::HashSet, time::Duration};

use catalog::contract::ShowId;
use checkout::contract::OrderId;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    measure::{self, HeldByCap, Later, Settled},
    returns::{Returned, SoldOut},
    score::{self, ChanceScore, Wait, WaitScore},
    shop::Shop,
    tally::Acked,
};
use crate::{
    settings::Stores,
    verify::{
        line::{Joined, Published, overtaking_ms_max, steps},
        sessions::sweep,
        snapshot::{Admitted, admitted},
    },
};

/// Commands and webhooks that are still on their way get so long to arrive before they count as
/// lost.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

/// What was acknowledged to a fan and cannot be found. None of it may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Places that are not in the line, or that two fans were given.
    pub joins: usize,
    /// Orders that were neither written nor refused.
    pub orders: usize,
    /// Payments that neither brought tickets nor go back.
    pub payments: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    pub admitted: i64,
    pub rate_measured: Option<f64>,
    pub settled: Option<Settled>,
    pub held_by_cap: Option<HeldByCap>,
    pub later: Later,
    /// After how many milliseconds all but the slowest of a hundred orders were answered, once the
    /// pace had found its place and nothing else held the line.
    pub order_p99_ms: Option<i64>,
    pub overtaking_ms_max: i64,
    /// Sessions that opened although the room was full.
    pub cap_exceeded: usize,
    pub tickets: i64,
    pub lost: Lost,
    /// Acknowledged orders that were refused afterwards.
    pub orders_refused: usize,
    /// Fans who were told that fewer tickets are left than were.
    pub wrongly_denied: usize,
    pub scores: Scores,
}

/// How true it was what fans were told, and how soon they were told it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Scores {
    /// By the head document, which everybody follows.
    pub waits: WaitScore,
    /// By the calls about their own places of a few.
    pub places: WaitScore,
    pub chances: ChanceScore,
    pub sold_out: SoldOut,
    pub returned: Returned,
}

/// Collects what Kafka and Postgres hold of the sale.
///
/// # Errors
/// Kafka or Postgres away.
pub async fn collect(stores: &Stores, shop: &Shop) -> anyhow::Result<Found> {
    let (sale, acked) = (&shop.sale, shop.tally.all_acked());
    let mut lost = settle(&stores.pool, &acked).await?;
    let Admitted { joined, mut published, spans } =
        admitted(stores, &sale.show, &sale.room).await?;
    if shop.args.ends_after.is_some() {
        // The line goes on when the crowd has gone, and nobody comes any more.
        let over_ms = shop.history.lock().last().map_or(i64::MAX, |known| known.at_ms);
        published.retain(|record| record.at_ms <= over_ms);
    }
    lost.joins = lost_joins(&joined, &acked.joins);
    let joined = shop.turns(joined);
    let last_sale_ms = last_sale_ms(&stores.pool, &sale.show).await?;
    let tickets = i64::from(sale.tickets);
    let settled_times = measure::settled_times(&published);
    let middle_ms = measure::middle_ms(&published);
    Ok(Found {
        admitted: measure::admitted(&published),
        rate_measured: measure::busy_rate_per_sec(&joined, &published),
        settled: measure::settled(&published, 0),
        held_by_cap: measure::held_by_cap(&published, &spans),
        overtaking_ms_max: overtaking_ms_max(&joined, &steps(&published, true)),
        later: measure::later(&published, &spans),
        order_p99_ms: measure::order_p99_ms(&shop.tally.orders(), &settled_times, middle_ms),
        cap_exceeded: sweep(&spans).over.len(),
        tickets: self::tickets(&stores.pool, &sale.show).await?,
        lost,
        orders_refused: refused(&stores.pool, &acked).await?,
        wrongly_denied: shop.tally.books().wrongly_denied(tickets),
        scores: scores(shop, &joined, &published, last_sale_ms),
    })
}

fn scores(
    shop: &Shop,
    joined: &Joined,
    published: &[Published],
    last_sale_ms: Option<i64>,
) -> Scores {
    let mut waits = measure::waits(joined, published);
    let drawn_ms = shop.drawn_ms();
    for wait in &mut waits {
        // Before the draw nobody was told anything.
        wait.joined_ms = wait.joined_ms.max(drawn_ms);
    }
    let waits: &[Wait] = &waits;
    let (history, books) = (shop.history.lock(), shop.tally.books());
    let tickets = i64::from(shop.sale.tickets);
    let looked_ms = history.last().map(|known| known.at_ms);
    let course = books.course(tickets);
    // What fans bought is gone for good; until the last of it, tickets may be left for anybody.
    let is_sold_out = shop.left() <= 0;
    let over_ms = last_sale_ms.filter(|_| is_sold_out).or(looked_ms).unwrap_or_default();
    let next_fans = books.waits_for_next_fan_ms(tickets);
    let somebody_waits = |at_ms| history.at(at_ms).is_some_and(|head| head.waiting > 0);
    Scores {
        waits: score::waits(&history, waits),
        places: score::watched(&shop.tally.all_watched(), waits),
        chances: score::chances(&history, waits, over_ms, |at_ms| course.free_at(at_ms)),
        sold_out: SoldOut::of(
            last_sale_ms.filter(|_| is_sold_out),
            history.told_sold_out_ms(),
            looked_ms,
        ),
        returned: Returned::of(&next_fans, &measure::let_in_ms(published), somebody_waits),
    }
}

/// Joins that are missing from the line, and places given out more than once.
fn lost_joins(joined: &Joined, acked: &[(i32, i64)]) -> usize {
    let mut seen = HashSet::new();
    let is_there = |lane: i32, offset: i64| {
        usize::try_from(offset)
            .is_ok_and(|offset| joined.get(&lane).is_some_and(|times| offset < times.len()))
    };
    acked
        .iter()
        .filter(|(lane, offset)| !is_there(*lane, *offset) || !seen.insert((*lane, *offset)))
        .count()
}

/// Orders and payments that cannot be found, once what was on its way had time to arrive.
async fn settle(pool: &PgPool, acked: &Acked) -> anyhow::Result<Lost> {
    let end = Instant::now() + SETTLED_WITHIN;
    let ids = |orders: &HashSet<OrderId>| orders.iter().map(|order| order.uuid()).collect();
    let (orders, payments): (Vec<Uuid>, Vec<Uuid>) = (ids(&acked.orders), ids(&acked.payments));
    loop {
        let lost = Lost {
            joins: 0,
            orders: missing(pool, ORDERS, &orders).await?,
            payments: missing(pool, PAYMENTS, &payments).await?,
        };
        if (lost == Lost::default()) || Instant::now() >= end {
            return Ok(lost);
        }
        sleep(Duration::from_secs(1)).await;
    }
}

const ORDERS: &str = "SELECT count(*) FROM unnest($1::uuid[]) AS acked (id)
    WHERE NOT EXISTS (SELECT FROM checkout.orders o WHERE o.order_id = acked.id)
      AND NOT EXISTS (SELECT FROM checkout.refusals r WHERE r.order_id = acked.id)";

const PAYMENTS: &str = "SELECT count(*) FROM unnest($1::uuid[]) AS acked (id)
    WHERE NOT EXISTS (SELECT FROM checkout.orders o WHERE o.order_id = acked.id
                          AND o.state IN ('paid', 'fulfilled', 'refund_pending', 'refunded'))
      AND NOT EXISTS (SELECT FROM checkout.refunds r WHERE r.order_id = acked.id)";

/// Orders that their fans were told of, and which were not written after all.
async fn refused(pool: &PgPool, acked: &Acked) -> sqlx::Result<usize> {
    let orders: Vec<Uuid> = acked.orders.iter().map(|order| order.uuid()).collect();
    missing(pool, REFUSED, &orders).await
}

const REFUSED: &str = "SELECT count(*) FROM checkout.refusals WHERE order_id = ANY ($1)";

/// When the last ticket of a show was sold, in milliseconds since 1970.
async fn last_sale_ms(pool: &PgPool, show: &ShowId) -> sqlx::Result<Option<i64>> {
    let at: Option<DateTime<Utc>> = sqlx::query_scalar(
        "SELECT max(paid_at) FROM checkout.orders WHERE show = $1 AND state = 'fulfilled'",
    )
    .bind(show.as_str())
    .fetch_one(pool)
    .await?;
    Ok(at.map(|at| at.timestamp_millis()))
}

async fn missing(pool: &PgPool, statement: &'static str, ids: &[Uuid]) -> sqlx::Result<usize> {
    let count: i64 = sqlx::query_scalar(statement).bind(ids).fetch_one(pool).await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Tickets issued for a show.
pub async fn tickets(pool: &PgPool, show: &ShowId) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM checkout.tickets WHERE show = $1")
        .bind(show.as_str())
        .fetch_one(pool)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_is_lost_when_it_is_not_in_the_line_or_somebody_elses() {
        let joined = Joined::from([(0, vec![1, 2]), (1, vec![3])]);
        assert_eq!(lost_joins(&joined, &[(0, 0), (0, 1), (1, 0)]), 0);
        assert_eq!(lost_joins(&joined, &[(0, 2), (2, 0), (1, -1)]), 3);
        assert_eq!(lost_joins(&joined, &[(0, 1), (0, 1)]), 1);
    }
}
