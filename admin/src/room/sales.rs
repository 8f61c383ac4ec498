//! What a room's show has sold for. Read seldom and kept for a moment: it reads orders, and the
//! sale goes on meanwhile.

use std::{collections::BTreeMap, time::Duration};

use catalog::contract::{Money, ShowId, when};
use checkout::contract::{Granularity, SalesQuery, SalesRow};
use chrono::{DateTime, Utc};
use kit::cache::Cache;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{App, error::Error, room::show_name::Shows};

/// How old an answer may be.
const FRESH: Duration = Duration::from_secs(15);
const SHOWS_MAX: u64 = 1000;

/// Sales that were looked up lately, by show.
pub struct RecentSales(Cache<Sales>);

impl Default for RecentSales {
    fn default() -> Self {
        Self(Cache::new(FRESH, SHOWS_MAX))
    }
}

/// What a show has sold for, after refunds. An amount a currency; none where nothing was sold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sales {
    pub today: Vec<Amount>,
    pub in_all: Vec<Amount>,
    pub ticket_types: Vec<TypeSales>,
}

/// What one ticket type has sold for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TypeSales {
    pub ticket_type: Uuid,
    pub in_all: Vec<Amount>,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Amount {
    /// In the currency's minor unit.
    pub minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// As people read it: `€1,240.00`.
    pub words: String,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { minor: money.minor, currency: money.currency.to_string(), words: money.to_string() }
    }
}

/// A show's sales. Days begin where the show takes place.
///
/// # Errors
/// [`Error::Away`] where the database is.
pub async fn sales(app: &App, show: &ShowId) -> Result<std::sync::Arc<Sales>, Error> {
    app.sales.0.get_or_look(show.as_str(), || look(app, show)).await
}

async fn look(app: &App, show: &ShowId) -> Result<Sales, Error> {
    let shows = [show.clone()];
    let name = Shows::of(&app.pool, &shows).await?.name(show);
    let time_zone = name.map_or_else(|| "UTC".to_owned(), |name| name.time_zone);
    let query = |from, to| SalesQuery {
        shows: &shows,
        from,
        to,
        granularity: Granularity::Day,
        time_zone: &time_zone,
    };
    let now = Utc::now();
    let end = now + chrono::Duration::days(1);
    let rows = checkout::contract::sales(&app.pool, &query(DateTime::UNIX_EPOCH, end)).await?;
    let today = when::day(now, &time_zone);
    Ok(summed(&rows, |day| when::day(day, &time_zone) == today))
}

/// Sums by currency and by type; what was given back is taken off.
fn summed(rows: &[SalesRow], is_today: impl Fn(DateTime<Utc>) -> bool) -> Sales {
    let mut sales = Sales::default();
    let (mut of_today, mut in_all) = (BTreeMap::new(), BTreeMap::new());
    let mut by_type: BTreeMap<Uuid, BTreeMap<_, i64>> = BTreeMap::new();
    for row in rows {
        let Money { minor, currency } = earned(row);
        *in_all.entry(currency).or_default() += minor;
        *by_type.entry(row.ticket_type.uuid()).or_default().entry(currency).or_default() += minor;
        if is_today(row.starts_at) {
            *of_today.entry(currency).or_default() += minor;
        }
    }
    let amounts = |sums: BTreeMap<_, i64>| -> Vec<Amount> {
        sums.into_iter().map(|(currency, minor)| Money::new(minor, currency).into()).collect()
    };
    sales.today = amounts(of_today);
    sales.in_all = amounts(in_all);
    sales.ticket_types = by_type
        .into_iter()
        .map(|(ticket_type, sums)| TypeSales { ticket_type, in_all: amounts(sums) })
        .collect();
    sales
}

/// What a row sold for, less what was given back.
fn earned(row: &SalesRow) -> Money {
    Money::new(row.amount.minor - row.refunded.minor, row.amount.currency)
}
