//! A reseller's orders, page by page, for the portal and the API.

use catalog::contract::ResellerId;
use checkout::contract::{self, OrderDetails, OrderQuery, OrderState, OrderSummary};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    App,
    error::{Error, Thing},
};

/// A point in the list: orders placed before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub placed_at: DateTime<Utc>,
    pub order: Uuid,
}

impl Cursor {
    /// # Errors
    /// [`Error::CursorInvalid`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || Error::CursorInvalid("before");
        let (micros, order) = text.split_once('.').ok_or_else(invalid)?;
        let placed_at = micros.parse().ok().and_then(DateTime::from_timestamp_micros);
        // Postgres knows no time before the year 4713 BC.
        let placed_at = placed_at.filter(|at| *at > DateTime::UNIX_EPOCH).ok_or_else(invalid)?;
        Ok(Self { placed_at, order: order.parse().map_err(|_| invalid())? })
    }

    pub fn text(&self) -> String {
        format!("{}.{}", self.placed_at.timestamp_micros(), self.order)
    }
}

/// Orders of one page.
pub struct Orders {
    pub orders: Vec<OrderSummary>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Cursor>,
}

/// Up to `limit` orders of the reseller's, the newest first: of `show` where it is named.
///
/// # Errors
/// A show that is not theirs, or no database.
pub async fn page(
    app: &App,
    reseller: ResellerId,
    show: Option<&str>,
    state: Option<OrderState>,
    before: Option<Cursor>,
    limit: i64,
) -> Result<Orders, Error> {
    let shows = shows(app, reseller, show).await?;
    let query = OrderQuery {
        shows: &shows,
        state,
        before: before.map(|cursor| (cursor.placed_at, cursor.order)),
        limit: limit + 1,
    };
    let mut orders = contract::orders(&app.pool, &query).await?;
    let more = orders.len() as i64 > limit;
    orders.truncate(usize::try_from(limit).unwrap_or(0));
    let last = orders.last().filter(|_| more);
    let next = last.map(|order| Cursor { placed_at: order.placed_at, order: order.order });
    Ok(Orders { orders, next })
}

/// The ids of the reseller's shows, or the one named, which must be theirs.
///
/// # Errors
/// [`Thing::Show`] unknown, or no database.
pub async fn shows(
    app: &App,
    reseller: ResellerId,
    show: Option<&str>,
) -> Result<Vec<String>, Error> {
    if let Some(show) = show {
        let found = catalog::contract::seller(&app.pool, show).await?;
        let own = found.is_some_and(|seller| seller.reseller == Some(reseller));
        return if own { Ok(vec![show.to_owned()]) } else { Err(Error::Unknown(Thing::Show)) };
    }
    let shows = catalog::contract::reseller_shows(&app.pool, reseller).await?;
    Ok(shows.into_iter().map(|found| found.show.show).collect())
}

/// One order of a show of the reseller's.
///
/// # Errors
/// [`Thing::Order`] unknown, for somebody else's just as for none.
pub async fn one(app: &App, reseller: ResellerId, order: Uuid) -> Result<OrderDetails, Error> {
    let unknown = || Error::Unknown(Thing::Order);
    let found = contract::order(&app.pool, order).await?.ok_or_else(unknown)?;
    let seller = catalog::contract::seller(&app.pool, &found.show).await?;
    if seller.is_some_and(|seller| seller.reseller == Some(reseller)) {
        Ok(found)
    } else {
        Err(unknown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_and_others_are_refused() {
        let cursor = Cursor {
            placed_at: "2026-11-21T20:00:00.123456Z".parse().expect("time"),
            order: Uuid::nil(),
        };
        assert_eq!(Cursor::parse(&cursor.text()).expect("a cursor"), cursor);
        for bad in
            ["", "1", "x.y", "99999999999999999999.00000000-0000-0000-0000-000000000000", "-1.x"]
        {
            assert!(Cursor::parse(bad).is_err(), "{bad}");
        }
    }
}
