//! Allotments.

use sqlx::{PgConnection, PgExecutor};

use crate::{allotment::Allotment, show::ShowId, ticket_type::TicketTypeId};

/// The allotments of a show's ticket types, in the order they are offered.
pub async fn allotments(
    executor: impl PgExecutor<'_>,
    show: &ShowId,
) -> sqlx::Result<Vec<Allotment>> {
    sqlx::query_as!(
        Allotment,
        r#"SELECT a.ticket_type, t.show AS "show: ShowId", a.allotted, a.wanted, a.revision,
                  a.refusal, a.changed_at
           FROM catalog.allotments a JOIN catalog.ticket_types t USING (ticket_type)
           WHERE t.show = $1 ORDER BY t.position, t.name"#,
        &**show
    )
    .fetch_all(executor)
    .await
}

/// Sets a draft's.
pub async fn set(
    connection: &mut PgConnection,
    ticket_type: TicketTypeId,
    allotted: i32,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO catalog.allotments (ticket_type, allotted) VALUES ($1, $2)
         ON CONFLICT (ticket_type) DO UPDATE SET allotted = excluded.allotted, changed_at = now()",
        ticket_type.uuid(),
        allotted
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes it wait for checkout's answer, under the next revision.
pub async fn want(
    connection: &mut PgConnection,
    ticket_type: TicketTypeId,
    wanted: i32,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO catalog.allotments AS a (ticket_type, allotted, wanted, revision) VALUES ($1, \
            0, $2, 1)
         ON CONFLICT (ticket_type) DO UPDATE
         SET wanted = excluded.wanted, revision = a.revision + 1, refusal = NULL, changed_at = \
         now(), asked_at = now()",
        ticket_type.uuid(),
        wanted
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes back the word about an earlier change that was refused.
pub async fn forget_refusal(
    connection: &mut PgConnection,
    ticket_type: TicketTypeId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE catalog.allotments SET refusal = NULL WHERE ticket_type = $1 AND wanted IS NULL",
        ticket_type.uuid()
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes what was allotted to each of a draft's ticket types wait for checkout's answer; none where
/// nothing was said.
pub async fn want_all(connection: &mut PgConnection, show: &ShowId) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO catalog.allotments AS a (ticket_type, allotted, wanted, revision)
         SELECT ticket_type, 0, 0, 1 FROM catalog.ticket_types WHERE show = $1
         ON CONFLICT (ticket_type) DO UPDATE
         SET wanted = a.allotted, revision = a.revision + 1, refusal = NULL, changed_at = now(), \
         asked_at = now()",
        &**show
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Up to `limit` shows with allotments that nobody answered for `secs`, though no event of theirs
/// waits to be published. Whoever waits longest stands first.
pub async fn unanswered(
    executor: impl PgExecutor<'_>,
    secs: f64,
    limit: i64,
) -> sqlx::Result<Vec<ShowId>> {
    sqlx::query_scalar!(
        r#"SELECT t.show AS "show: ShowId"
           FROM catalog.allotments a JOIN catalog.ticket_types t USING (ticket_type)
           WHERE a.wanted IS NOT NULL AND a.asked_at < now() - make_interval(secs => $1)
               AND NOT EXISTS (SELECT FROM catalog.outbox o WHERE o.key = t.show)
           GROUP BY t.show ORDER BY min(a.asked_at) LIMIT $2"#,
        secs,
        limit
    )
    .fetch_all(executor)
    .await
}

/// Notes that a locked show's allotments which nobody answered for `secs` are asked for now, and
/// gives their ticket types.
pub async fn asked_again(
    connection: &mut PgConnection,
    show: &ShowId,
    secs: f64,
) -> sqlx::Result<Vec<TicketTypeId>> {
    sqlx::query_scalar!(
        "UPDATE catalog.allotments a SET asked_at = now()
         FROM catalog.ticket_types t
         WHERE t.ticket_type = a.ticket_type AND t.show = $1
             AND a.wanted IS NOT NULL AND a.asked_at < now() - make_interval(secs => $2)
         RETURNING a.ticket_type",
        &**show,
        secs
    )
    .fetch_all(connection)
    .await
    .map(|again| again.into_iter().map(TicketTypeId::from).collect())
}

/// Ends the wait for the answer to `revision`, if that is the one waited for.
pub async fn settle(
    executor: impl PgExecutor<'_>,
    ticket_type: TicketTypeId,
    revision: i64,
    refusal: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE catalog.allotments
         SET allotted = CASE WHEN $3::text IS NULL THEN wanted ELSE allotted END,
             wanted = NULL, refusal = $3, changed_at = now()
         WHERE ticket_type = $1 AND revision = $2 AND wanted IS NOT NULL",
        ticket_type.uuid(),
        revision,
        refusal
    )
    .execute(executor)
    .await?;
    Ok(())
}
