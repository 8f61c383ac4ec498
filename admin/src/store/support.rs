//! Support requests and what was written in them.

use catalog::contract::ShowId;
use chrono::{DateTime, Utc};
use kit::paging::Page;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::support::{Answer, SupportMessage, SupportRequest, SupportRequestId, SupportStatus};

const PAGE: u16 = 100;

/// The answer with this id; `None` where there is none, or where a fan wrote the message.
///
/// # Errors
/// The database's.
pub async fn answer(pool: &PgPool, message: Uuid) -> sqlx::Result<Option<Answer>> {
    sqlx::query_as!(
        Answer,
        r#"SELECT m.ticket AS request, m.message, t.order_id AS "order", m.text, m.at
           FROM admin.support_messages m JOIN admin.support_tickets t USING (ticket)
           WHERE m.message = $1 AND m.staff IS NOT NULL"#,
        message
    )
    .fetch_optional(pool)
    .await
}

/// Support requests in a state (all where it is `None`): those that wait for us, the longest first;
/// then the others, newest first. Only those behind the request `after`, as it stands now.
pub async fn list(
    pool: &PgPool,
    state: Option<SupportStatus>,
    after: Option<SupportRequestId>,
) -> sqlx::Result<Page<SupportRequest, SupportRequestId>> {
    let requests = sqlx::query_as!(
        SupportRequest,
        r#"WITH sorted AS (
               SELECT *, state <> 'open' AS later,
                      extract(epoch FROM updated_at) * CASE WHEN state = 'open' THEN 1 ELSE -1 END AS turn
               FROM admin.support_tickets)
           SELECT ticket AS "id!", order_id AS "order!", show AS "show!: ShowId", topic AS "topic!", state AS "state!: SupportStatus",
                  opened_at AS "opened_at!", updated_at AS "updated_at!"
           FROM sorted
           WHERE ($1::text IS NULL OR state = $1)
             AND ($2::uuid IS NULL OR (later, turn, ticket) > (SELECT later, turn, ticket FROM sorted WHERE ticket = $2))
           ORDER BY later, turn, ticket LIMIT $3"#,
        state.map(|state| state.to_string()),
        after.map(SupportRequestId::uuid),
        i64::from(PAGE)
    )
    .fetch_all(pool)
    .await?;
    Ok(Page::full(requests, PAGE.into(), |last| last.id))
}

pub async fn one(pool: &PgPool, id: SupportRequestId) -> sqlx::Result<Option<SupportRequest>> {
    sqlx::query_as!(
        SupportRequest,
        r#"SELECT ticket AS id, order_id AS "order", show AS "show: ShowId", topic,
                  state AS "state: SupportStatus", opened_at, updated_at FROM admin.support_tickets
           WHERE ticket = $1"#,
        id.uuid()
    )
    .fetch_optional(pool)
    .await
}

pub async fn locked(
    tx: &mut PgConnection,
    id: SupportRequestId,
) -> sqlx::Result<Option<SupportRequest>> {
    sqlx::query_as!(
        SupportRequest,
        r#"SELECT ticket AS id, order_id AS "order", show AS "show: ShowId", topic,
                  state AS "state: SupportStatus", opened_at, updated_at FROM admin.support_tickets
           WHERE ticket = $1 FOR UPDATE"#,
        id.uuid()
    )
    .fetch_optional(tx)
    .await
}

/// All support requests of an order, oldest first.
pub async fn of_order(pool: &PgPool, order: Uuid) -> sqlx::Result<Vec<SupportRequest>> {
    sqlx::query_as!(
        SupportRequest,
        r#"SELECT ticket AS id, order_id AS "order", show AS "show: ShowId", topic,
                  state AS "state: SupportStatus", opened_at, updated_at FROM admin.support_tickets
           WHERE order_id = $1 ORDER BY opened_at"#,
        order
    )
    .fetch_all(pool)
    .await
}

pub async fn messages(pool: &PgPool, ids: &[Uuid]) -> sqlx::Result<Vec<SupportMessage>> {
    sqlx::query_as!(
        SupportMessage,
        "SELECT message, staff, text, at FROM admin.support_messages WHERE ticket = ANY($1) ORDER \
            BY at, message",
        ids
    )
    .fetch_all(pool)
    .await
}

/// The order's support request that is not closed, kept from changing; made where there is none.
pub async fn open(
    tx: &mut PgConnection,
    order: Uuid,
    show: &ShowId,
    topic: &str,
) -> sqlx::Result<SupportRequestId> {
    // The update that changes nothing locks the row, so that messages are counted one after the
    // other.
    let id = sqlx::query_scalar!(
        "INSERT INTO admin.support_tickets (ticket, order_id, show, topic) VALUES ($1, $2, $3, $4)
         ON CONFLICT (order_id) WHERE state <> 'closed' DO UPDATE SET order_id = excluded.order_id
         RETURNING ticket",
        Uuid::now_v7(),
        order,
        &**show,
        topic
    )
    .fetch_one(tx)
    .await?;
    Ok(id.into())
}

/// How many messages the fan wrote in a request.
pub async fn fan_messages(tx: &mut PgConnection, id: SupportRequestId) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM admin.support_messages WHERE ticket = $1 AND staff IS NULL"#,
        id.uuid()
    )
    .fetch_one(tx)
    .await
}

/// The text of a message.
pub async fn text(tx: &mut PgConnection, message: Uuid) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("SELECT text FROM admin.support_messages WHERE message = $1", message)
        .fetch_optional(tx)
        .await
}

/// Adds a message; `staff` is `None` where the fan wrote it.
pub async fn add_message(
    tx: &mut PgConnection,
    id: SupportRequestId,
    message: Uuid,
    staff: Option<&str>,
    text: &str,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO admin.support_messages (message, ticket, staff, text, at) VALUES ($1, $2, $3, \
            $4, $5)",
        message,
        id.uuid(),
        staff,
        text,
        at
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn set_state(
    tx: &mut PgConnection,
    id: SupportRequestId,
    state: SupportStatus,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE admin.support_tickets SET state = $2, updated_at = now() WHERE ticket = $1",
        id.uuid(),
        state.to_string()
    )
    .execute(tx)
    .await?;
    Ok(())
}
