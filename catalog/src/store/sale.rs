//! How sales stand.

use std::collections::HashMap;

use chrono::Utc;
use sqlx::{PgExecutor, PgPool};

use crate::{
    sale::{SaleFacts, SaleState, StockLevel},
    show::ShowId,
    stop::Stop,
    ticket_type::TicketTypeId,
};

/// What the states of some published shows' sales follow from; those of others are left out.
///
/// # Errors
/// The database's.
pub async fn facts_of(
    executor: impl PgExecutor<'_>,
    shows: &[ShowId],
) -> sqlx::Result<HashMap<ShowId, SaleFacts>> {
    let rows = sqlx::query!(
        r#"SELECT s.show AS "show: ShowId", s.on_sale_at, s.starts_at, s.sale_ended_at, s.stock_level,
                  s.line_opened,
                  s.withdrawn_at IS NOT NULL AS "withdrawn!",
                  EXISTS (SELECT FROM catalog.stopped_resellers o WHERE o.reseller = s.reseller) AS "suspended!"
           FROM catalog.shows s WHERE s.show = ANY($1) AND s.published_at IS NOT NULL"#,
        shows as &[ShowId]
    )
    .fetch_all(executor)
    .await?;
    let facts = rows.into_iter().map(|row| {
        let facts = SaleFacts {
            on_sale_at: row.on_sale_at,
            starts_at: row.starts_at,
            ended_at: row.sale_ended_at,
            line_opened: row.line_opened,
            stop: match (row.withdrawn, row.suspended) {
                (true, _) => Some(Stop::Withdrawn),
                (false, true) => Some(Stop::Suspended),
                (false, false) => None,
            },
            left: level(row.stock_level.as_deref()),
        };
        (row.show, facts)
    });
    Ok(facts.collect())
}

/// A level that only a later version knows says nothing to this one.
fn level(text: Option<&str>) -> Option<StockLevel> {
    text.and_then(|text| text.parse().ok())
}

/// What the state of a published show's sale follows from.
///
/// # Errors
/// The database's.
pub async fn sale_facts(
    executor: impl PgExecutor<'_>,
    show: &ShowId,
) -> sqlx::Result<Option<SaleFacts>> {
    Ok(facts_of(executor, std::slice::from_ref(show)).await?.remove(show))
}

/// How the sale of a published show stands now; `None` for drafts and where it is unknown.
///
/// # Errors
/// The database's.
pub async fn sale_state(
    executor: impl PgExecutor<'_>,
    show: &ShowId,
) -> sqlx::Result<Option<SaleState>> {
    Ok(sale_facts(executor, show).await?.map(|facts| facts.state(Utc::now())))
}

/// What is left of each of a show's ticket types, as far as somebody told.
pub async fn levels(
    executor: impl PgExecutor<'_>,
    show: &ShowId,
) -> sqlx::Result<HashMap<TicketTypeId, StockLevel>> {
    let rows = sqlx::query!(
        r#"SELECT ticket_type AS "ticket_type: TicketTypeId", stock_level
           FROM catalog.ticket_types WHERE show = $1"#,
        &**show
    )
    .fetch_all(executor)
    .await?;
    let known = |of: Option<String>| level(of.as_deref());
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((row.ticket_type, known(row.stock_level)?)))
        .collect())
}

/// Notes what is left of a show and of its ticket types. Writes only what changed.
///
/// # Errors
/// The database's.
pub async fn tell_stock(
    pool: &PgPool,
    show: &ShowId,
    left: StockLevel,
    types: &[(TicketTypeId, StockLevel)],
) -> sqlx::Result<()> {
    let (ids, levels): (Vec<_>, Vec<_>) =
        types.iter().map(|(id, level)| (id.uuid(), level.to_string())).unzip();
    let mut tx = pool.begin().await?;
    sqlx::query!(
        "UPDATE catalog.shows SET stock_level = $2
         WHERE show = $1 AND stock_level IS DISTINCT FROM $2",
        &**show,
        left.to_string()
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE catalog.ticket_types t SET stock_level = told.level
         FROM UNNEST($2::uuid[], $3::text[]) AS told (ticket_type, level)
         WHERE t.show = $1 AND t.ticket_type = told.ticket_type
           AND t.stock_level IS DISTINCT FROM told.level",
        &**show,
        &ids,
        &levels
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}
