//! What is left, roughly, the same for everybody, and how the sale stands.

use std::collections::HashMap;

use admission::contract::{StockState, TypeStock};
use catalog::contract::{SaleState, ShowId, StockLevel, TicketTypeId};
use chrono::Utc;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{App, Error, stock::show_stock};

/// What is left of a show's tickets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Availability {
    #[schema(value_type = String)]
    pub show: ShowId,
    /// How the sale stands, all types together.
    pub sale: SaleState,
    /// In the order they are offered.
    pub ticket_types: Vec<TypeAvailability>,
}

/// What is left of one ticket type.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TypeAvailability {
    #[schema(value_type = uuid::Uuid)]
    pub ticket_type: TicketTypeId,
    pub name: String,
    /// How its sale stands.
    pub status: SaleState,
    /// Rounded down above ten; tickets that others hold do not count.
    pub about_left: i64,
}

/// What the catalog is told of stock.
pub fn level(state: StockState) -> StockLevel {
    match state {
        StockState::Available => StockLevel::Available,
        StockState::FewLeft => StockLevel::FewLeft,
        StockState::AllHeld => StockLevel::AllHeld,
        StockState::SoldOut => StockLevel::SoldOut,
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

/// What is left of a show's tickets, half a second old at most.
///
/// # Errors
/// `show-unknown` where nothing is on sale under that name; `sale-stopped`, `show-withdrawn`.
pub async fn of(app: &App, show: &ShowId) -> Result<Availability, Error> {
    let offer = app.offer_cache.of(&app.pool, show).await?;
    if let Some(stop) = offer.stop() {
        return Err(Error::SaleStopped(stop));
    }
    if offer.ticket_types.is_empty() {
        return Err(Error::ShowUnknown);
    }
    let facts = offer.sale.ok_or(Error::ShowUnknown)?;
    let (stock, now) = (show_stock::of(app, show).await?, Utc::now());
    let left: HashMap<Uuid, &TypeStock> =
        stock.types.iter().map(|of_type| (of_type.ticket_type, of_type)).collect();
    let ticket_types = offer
        .ticket_types
        .iter()
        .map(|offered| {
            let id = offered.ticket_type;
            let left = left.get(&id.uuid());
            let level = left.map_or(StockLevel::SoldOut, |of_type| level(of_type.state()));
            let status = facts.of_type(Some(level)).state(now);
            // Nothing is had of what is not sold, whatever is given back.
            let free = left.filter(|_| is_counted(status)).map_or(0, |of_type| of_type.free);
            let (name, about_left) = (offered.name.clone(), about(free));
            TypeAvailability { ticket_type: id, name, status, about_left }
        })
        .collect();
    let sale = facts.of_type(Some(level(stock.state()))).state(now);
    Ok(Availability { show: show.clone(), sale, ticket_types })
}

fn is_counted(status: SaleState) -> bool {
    status.sells() || status == SaleState::NotYet
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
}
