//! How a show's tickets stand, for pages and the API.

use std::collections::HashMap;

use catalog::contract::{ShowId, TicketTypeId};
use checkout::contract::StockCount;

use crate::{App, error::Error};

/// Counts by ticket type; none for types that were never on sale.
///
/// # Errors
/// No database. Where Redis is away, what only it knows is left out.
pub async fn counts(app: &App, show: &ShowId) -> Result<HashMap<TicketTypeId, StockCount>, Error> {
    let counts =
        checkout::contract::stock_counts(&app.pool, &app.redis, show).await.map_err(Error::Away)?;
    Ok(counts.into_iter().map(|count| (count.ticket_type, count)).collect())
}
