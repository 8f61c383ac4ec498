//! The public reads.

use chrono::Utc;
use serde::Deserialize;
use sqlx::PgPool;
use utoipa::IntoParams;

use crate::{
    error::Error,
    show::{ShowDetails, ShowId, ShowPage, cursor::ShowCursor},
    store,
    ticket_type::{OfferedType, TicketType},
};

const PAGE_DEFAULT: u16 = 50;

const PAGE_MAX: u16 = 100;

/// Which page of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// `next` of the page before.
    pub after: Option<String>,
    /// Shows a page, 1 to 100; 50 by default.
    pub limit: Option<u16>,
}

/// The page of listed shows that `query` asks for, soonest first.
pub async fn page(pool: &PgPool, query: &PageQuery) -> Result<ShowPage, Error> {
    let after = query
        .after
        .as_deref()
        .map(|text| text.parse::<ShowCursor>().map_err(|_| Error::CursorInvalid))
        .transpose()?;
    let limit = kit::paging::size(query.limit, PAGE_DEFAULT, PAGE_MAX);
    let mut shows = store::show::listed(pool, after.as_ref(), i64::from(limit) + 1).await?;
    let more = shows.len() > usize::from(limit);
    shows.truncate(usize::from(limit));
    let next = shows.last().filter(|_| more).map(|last| ShowCursor::behind(&last.show).to_string());
    Ok(ShowPage { shows, next })
}

/// A show and its ticket types, withdrawn or not.
pub async fn one(pool: &PgPool, show: &ShowId) -> Result<ShowDetails, Error> {
    let Some(found) = store::show::show(pool, show).await? else { return Err(Error::ShowUnknown) };
    let Some(facts) = store::sale::sale_facts(pool, show).await? else {
        return Err(Error::ShowUnknown);
    };
    let levels = store::sale::levels(pool, show).await?;
    let now = Utc::now();
    let offered = |ticket_type: TicketType| OfferedType {
        sale: facts.of_type(levels.get(&ticket_type.ticket_type).copied()).state(now),
        ticket_type,
    };
    let ticket_types = store::show::ticket_types(pool, show).await?;
    Ok(ShowDetails {
        show: found,
        ticket_types: ticket_types.into_iter().map(offered).collect(),
        sale: facts.state(now),
        sale_ended_at: facts.ended_at,
        stop: facts.stop,
    })
}
