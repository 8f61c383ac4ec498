//! Stock without an allotment, for tests and measurements.

use catalog::contract::{ShowId, TicketTypeId};
use sqlx::PgPool;

use crate::{stock, store};

/// Puts stock on sale without the catalog's word, for tests and measurements; what is really sold
/// follows `catalog.events`. It is cut into `shards` (or a number that fits). Stock that is there
/// already stays as it is, so putting it twice changes nothing.
///
/// # Errors
/// The database's.
pub async fn put_stock(
    pool: &PgPool,
    show: &ShowId,
    ticket_type: TicketTypeId,
    allotted: i32,
    shards: Option<i32>,
) -> sqlx::Result<()> {
    let shards = shards.unwrap_or_else(|| stock::shards_for(allotted)).clamp(1, stock::SHARDS_MAX);
    store::stock::put(pool, show, ticket_type, &stock::split(allotted, shards)).await
}
