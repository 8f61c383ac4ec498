//! A reseller's orders, page by page, for the portal and the API.

use catalog::contract::{ResellerId, ShowId};
use checkout::contract::{self, OrderDetails, OrderId, OrderQuery, OrderState, OrderSummary};
use kit::paging::{Cursor, Page};

use crate::{
    App,
    error::{Error, Thing},
};

/// A point in the list: orders placed before that one.
///
/// # Errors
/// [`Error::CursorInvalid`].
pub fn cursor(before: &str) -> Result<Cursor<OrderId>, Error> {
    before.parse().map_err(|_| Error::CursorInvalid("before"))
}

/// Up to `limit` orders of the reseller's, the newest first: of `show` where it is named.
///
/// # Errors
/// A show that is not theirs, or no database.
pub async fn page(
    app: &App,
    reseller: ResellerId,
    show: Option<&ShowId>,
    state: Option<OrderState>,
    before: Option<Cursor<OrderId>>,
    limit: u16,
) -> Result<Page<OrderSummary, Cursor<OrderId>>, Error> {
    let shows = shows(app, reseller, show).await?;
    let query = OrderQuery { shows: &shows, state, before, limit: i64::from(limit) + 1 };
    let orders = contract::orders(&app.pool, &query).await?;
    let cursor = |last: &OrderSummary| Cursor { at: last.placed_at, id: last.order };
    Ok(Page::cut(orders, limit.into(), cursor))
}

/// The ids of the reseller's shows, or the one named, which must be theirs.
///
/// # Errors
/// [`Thing::Show`] unknown, or no database.
pub async fn shows(
    app: &App,
    reseller: ResellerId,
    show: Option<&ShowId>,
) -> Result<Vec<ShowId>, Error> {
    if let Some(show) = show {
        let found = catalog::contract::seller(&app.pool, show).await?;
        let own = found.is_some_and(|seller| seller.reseller == Some(reseller));
        return if own { Ok(vec![show.clone()]) } else { Err(Error::Unknown(Thing::Show)) };
    }
    let shows = catalog::contract::reseller_shows(&app.pool, reseller).await?;
    Ok(shows.into_iter().map(|found| found.show.show).collect())
}

/// One order of a show of the reseller's.
///
/// # Errors
/// [`Thing::Order`] unknown, for somebody else's just as for none.
pub async fn one(app: &App, reseller: ResellerId, order: OrderId) -> Result<OrderDetails, Error> {
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
        let nil = OrderId::from(uuid::Uuid::nil());
        let end = Cursor { at: "2026-11-21T20:00:00.123456Z".parse().expect("time"), id: nil };
        assert_eq!(cursor(&end.to_string()).expect("a cursor"), end);
        for bad in
            ["", "1", "x.y", "99999999999999999999.00000000-0000-0000-0000-000000000000", "-1.x"]
        {
            assert!(cursor(bad).is_err(), "{bad}");
        }
    }
}
