//! Tickets.

use catalog::contract::{ShowId, TicketTypeId};
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{order::OrderId, ticket::TicketDraft};

/// What an order is for, line by line, shards taken together.
pub async fn lines(
    tx: &mut PgConnection,
    order: OrderId,
) -> sqlx::Result<Vec<(TicketTypeId, i32)>> {
    let rows = sqlx::query!(
        r#"SELECT ticket_type, sum(quantity)::int AS "quantity!" FROM checkout.order_lines
           WHERE order_id = $1 GROUP BY ticket_type ORDER BY ticket_type"#,
        order.uuid(),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.ticket_type.into(), row.quantity)).collect())
}

/// Issues an order's tickets. Issuing them twice runs into `tickets_once_per_order`.
pub async fn issue(
    tx: &mut PgConnection,
    order: OrderId,
    show: &ShowId,
    drafts: &[TicketDraft],
    now: DateTime<Utc>,
) -> sqlx::Result<()> {
    let codes: Vec<String> = drafts.iter().map(|draft| draft.code.clone()).collect();
    let numbers: Vec<i32> = drafts.iter().map(|draft| draft.number).collect();
    let types: Vec<Uuid> = drafts.iter().map(|draft| draft.ticket_type.uuid()).collect();
    sqlx::query!(
        "INSERT INTO checkout.tickets (code, order_id, number, ticket_type, show, issued_at)
         SELECT code, $1, number, ticket_type, $2, $3
         FROM UNNEST($4::text[], $5::int[], $6::uuid[]) AS draft (code, number, ticket_type)",
        order.uuid(),
        &**show,
        now,
        &codes,
        &numbers,
        &types,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A ticket as issued.
#[derive(Debug, Clone)]
pub struct TicketRow {
    pub code: String,
    pub number: i32,
    pub ticket_type: TicketTypeId,
}

/// An order's tickets by number; none before it is paid.
pub async fn of_order(pool: &PgPool, order: OrderId) -> sqlx::Result<Vec<TicketRow>> {
    sqlx::query_as!(
        TicketRow,
        "SELECT code, number, ticket_type FROM checkout.tickets WHERE order_id = $1 ORDER BY \
            number",
        order.uuid(),
    )
    .fetch_all(pool)
    .await
}
