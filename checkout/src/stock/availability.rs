//! What is left, roughly, the same for everybody and worked out twice a second at most.

use std::{collections::HashMap, sync::Arc, time::Duration};

use catalog::contract::{ShowId, TicketTypeId};
use chrono::Utc;
use futures::future::try_join_all;
use kit::cache::Cache;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, Error, stock::redis as shard, store};

const FRESH: Duration = Duration::from_millis(500);
const SHOWS_MAX: u64 = 10_000;
/// At most so many left, or at most so large a share, count as few.
const FEW: i64 = 20;
const FEW_PERCENT: i64 = 5;

/// What is left of a show's tickets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Availability {
    #[schema(value_type = String)]
    pub show: ShowId,
    /// In the order they are offered.
    pub ticket_types: Vec<TypeAvailability>,
}

/// What is left of one ticket type.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TypeAvailability {
    #[schema(value_type = uuid::Uuid)]
    pub ticket_type: TicketTypeId,
    pub name: String,
    pub status: AvailabilityStatus,
    /// Rounded down above ten; tickets that others hold do not count.
    pub about_left: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AvailabilityStatus {
    Available,
    Few,
    /// None is left now; holds that run out may come back.
    SoldOut,
    /// The show has begun, and nothing is sold any more, whatever is given back.
    SaleEnded,
}

/// The status of a type with `left` of `allotted`.
pub fn status(left: i64, allotted: i64) -> AvailabilityStatus {
    match left {
        ..=0 => AvailabilityStatus::SoldOut,
        left if left <= FEW || left * 100 <= allotted * FEW_PERCENT => AvailabilityStatus::Few,
        _ => AvailabilityStatus::Available,
    }
}

/// Rounded down to one significant digit above ten, and two above a hundred, so that it tells
/// little about others.
pub fn about(left: i64) -> i64 {
    match left {
        ..=0 => 0,
        1..=10 => left,
        11..=99 => left / 10 * 10,
        _ => {
            let step = 10_i64.pow(left.ilog10() - 1);
            left / step * step
        }
    }
}

/// Availabilities worked out lately.
pub struct AvailabilityCache(Cache<Availability>);

impl Default for AvailabilityCache {
    fn default() -> Self {
        Self(Cache::new(FRESH, SHOWS_MAX))
    }
}

/// What is left of a show's tickets, a second old at most.
///
/// # Errors
/// `show-unknown` where nothing is on sale under that name; `sale-stopped`, `show-withdrawn`.
pub async fn of(app: &App, show: &ShowId) -> Result<Arc<Availability>, Error> {
    app.availability_cache.0.get_or_look(show.as_str(), || work_out(app, show)).await
}

async fn work_out(app: &App, show: &ShowId) -> Result<Availability, Error> {
    let offer = app.offer_cache.of(&app.pool, show).await?;
    if let Some(stop) = offer.stop {
        return Err(Error::SaleStopped(stop));
    }
    if offer.ticket_types.is_empty() {
        return Err(Error::ShowUnknown);
    }
    let over = offer.is_over(Utc::now());
    let rows = store::stock::of_show(&app.pool, show).await?;
    let free = try_join_all(rows.iter().map(|row| async {
        // Where Redis does not know or is away, what is not committed is the best guess.
        let seen = shard::look(&app.redis, row.key()).await.ok().flatten();
        let guess = i64::from(row.allotted) - i64::from(row.committed);
        Ok::<i64, Error>(seen.map_or(guess, |seen| (seen.free + seen.run_out).max(0)))
    }))
    .await?;
    let mut sums: HashMap<TicketTypeId, (i64, i64)> = HashMap::new();
    for (row, free) in rows.iter().zip(free) {
        let sum = sums.entry(row.ticket_type).or_default();
        sum.0 += free;
        sum.1 += i64::from(row.allotted);
    }
    let ticket_types = offer
        .ticket_types
        .iter()
        .map(|ticket_type| {
            let id = ticket_type.ticket_type;
            let (left, allotted) = sums.get(&id).copied().unwrap_or_default();
            let (status, about_left) = if over {
                (AvailabilityStatus::SaleEnded, 0)
            } else {
                (status(left, allotted), about(left))
            };
            TypeAvailability { ticket_type: id, name: ticket_type.name.clone(), status, about_left }
        })
        .collect();
    Ok(Availability { show: show.clone(), ticket_types })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_rounded_down() {
        let pairs = [
            (-2, 0),
            (0, 0),
            (7, 7),
            (10, 10),
            (11, 10),
            (99, 90),
            (100, 100),
            (128, 120),
            (12_345, 12_000),
        ];
        for (left, shown) in pairs {
            assert_eq!(about(left), shown, "{left}");
        }
    }

    #[test]
    fn few_is_few_of_a_small_hall_and_of_a_stadium() {
        assert_eq!(status(0, 100), AvailabilityStatus::SoldOut);
        assert_eq!(status(20, 100), AvailabilityStatus::Few);
        assert_eq!(status(21, 100), AvailabilityStatus::Available);
        assert_eq!(status(2_500, 50_000), AvailabilityStatus::Few);
        assert_eq!(status(2_600, 50_000), AvailabilityStatus::Available);
    }
}
