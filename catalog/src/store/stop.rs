//! Withdrawn shows, and resellers who may not sell.

use sqlx::{PgConnection, PgExecutor};

use crate::{
    seller::ResellerId,
    show::ShowId,
    stop::{Stop, Withdrawal},
};

/// Why nothing of a show is sold; `None` where nothing stops it, or it is unknown.
///
/// # Errors
/// The database's.
pub async fn stop(executor: impl PgExecutor<'_>, show: &ShowId) -> sqlx::Result<Option<Stop>> {
    let found = sqlx::query_scalar!(
        "SELECT CASE WHEN s.withdrawn_at IS NOT NULL THEN 'withdrawn'
                     WHEN EXISTS (SELECT FROM catalog.stopped_resellers o WHERE o.reseller = \
                     s.reseller) THEN 'suspended' END
         FROM catalog.shows s WHERE s.show = $1",
        &**show
    )
    .fetch_optional(executor)
    .await?;
    Ok(found.flatten().as_deref().and_then(|text| text.parse().ok()))
}

/// That a show was withdrawn, if it was.
///
/// # Errors
/// The database's.
pub async fn withdrawal(
    executor: impl PgExecutor<'_>,
    show: &ShowId,
) -> sqlx::Result<Option<Withdrawal>> {
    sqlx::query_as!(
        Withdrawal,
        r#"SELECT withdrawn_at AS "at!", withdrawn_by AS "by!", withdrawn_reason AS reason
           FROM catalog.shows WHERE show = $1 AND withdrawn_at IS NOT NULL"#,
        &**show
    )
    .fetch_optional(executor)
    .await
}

/// Marks a locked show as withdrawn.
pub async fn withdraw(
    tx: &mut PgConnection,
    show: &ShowId,
    by: &str,
    reason: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE catalog.shows SET withdrawn_at = now(), withdrawn_by = $2, withdrawn_reason = $3 \
            WHERE show = $1",
        &**show,
        by,
        reason
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Those of `resellers` whose sales are not stopped.
///
/// # Errors
/// The database's.
pub async fn not_stopped(
    executor: impl PgExecutor<'_>,
    resellers: &[ResellerId],
) -> sqlx::Result<Vec<ResellerId>> {
    sqlx::query_scalar!(
        r#"SELECT r AS "reseller!: ResellerId" FROM unnest($1::uuid[]) r
           WHERE NOT EXISTS (SELECT FROM catalog.stopped_resellers o WHERE o.reseller = r)"#,
        &resellers.iter().map(|reseller| reseller.uuid()).collect::<Vec<_>>()
    )
    .fetch_all(executor)
    .await
}

/// Notes that a reseller may not sell; `false` where that was noted before.
pub async fn add(tx: &mut PgConnection, reseller: ResellerId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO catalog.stopped_resellers (reseller) VALUES ($1) ON CONFLICT DO NOTHING",
        reseller.uuid()
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a reseller may sell again; `false` where they might anyway.
pub async fn remove(tx: &mut PgConnection, reseller: ResellerId) -> sqlx::Result<bool> {
    let done =
        sqlx::query!("DELETE FROM catalog.stopped_resellers WHERE reseller = $1", reseller.uuid())
            .execute(tx)
            .await?;
    Ok(done.rows_affected() == 1)
}

/// Locks all shows of a reseller, drafts that are being published too, and gives those that are
/// published.
pub async fn lock_published(
    tx: &mut PgConnection,
    reseller: ResellerId,
) -> sqlx::Result<Vec<ShowId>> {
    let shows = sqlx::query!(
        r#"SELECT show AS "show: ShowId", published_at FROM catalog.shows
           WHERE reseller = $1 ORDER BY show FOR UPDATE"#,
        reseller.uuid()
    )
    .fetch_all(tx)
    .await?;
    Ok(shows.into_iter().filter(|row| row.published_at.is_some()).map(|row| row.show).collect())
}
