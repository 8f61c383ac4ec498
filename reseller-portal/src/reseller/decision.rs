//! Deciding whether a reseller may sell, and making sure that the catalog knows.

use catalog::contract::{ResellerId, stop_reseller};
use kit::http::RequestId;
use sqlx::{PgConnection, PgPool};

use crate::{
    reseller::{ResellerEntry, ResellerState},
    store,
};

/// All resellers, or those in `state`: who waits stands first, then the newest. `limit` at most, of
/// those behind `after`.
///
/// # Errors
/// The database's.
pub async fn resellers(
    pool: &PgPool,
    state: Option<ResellerState>,
    after: Option<ResellerId>,
    limit: i64,
) -> sqlx::Result<Vec<ResellerEntry>> {
    store::account::entries(pool, state, None, (after, limit)).await
}

/// One reseller, or `None` where the id is unknown.
///
/// # Errors
/// The database's.
pub async fn reseller(pool: &PgPool, reseller: ResellerId) -> sqlx::Result<Option<ResellerEntry>> {
    Ok(store::account::entries(pool, None, Some(reseller), (None, 1)).await?.pop())
}

/// Puts a reseller into a state, within the caller's transaction, and gives the state before;
/// `None` where the id is unknown. Everywhere effective within a second: the pages and API keys of
/// whoever may not sell are shut, nothing of their shows is sold, and nobody is let in to their
/// lines. `reason` is told to the reseller; `request` is what the decision came of.
///
/// # Errors
/// The database's.
pub async fn decide(
    connection: &mut PgConnection,
    reseller: ResellerId,
    state: ResellerState,
    reason: Option<&str>,
    request: &RequestId,
) -> sqlx::Result<Option<ResellerState>> {
    let before = store::account::decide(connection, reseller, state, reason).await?;
    if before.is_some() {
        stop_reseller(connection, reseller, !state.may_sell(), request).await?;
    }
    Ok(before)
}

/// Tells the catalog of everybody who may not sell and whom it does not know of: those about whom
/// it was decided before there was anybody to tell.
///
/// # Errors
/// The database's.
pub async fn stop_refused(pool: &PgPool) -> sqlx::Result<()> {
    let refused = store::account::refused(pool).await?;
    // Nearly always nobody: those who were refused long ago cost no transaction each round.
    for reseller in catalog::contract::not_stopped(pool, &refused).await? {
        let mut tx = pool.begin().await?;
        // Looked at again under the lock: they may have been let sell since.
        if store::account::locked_state(&mut tx, reseller)
            .await?
            .is_some_and(|state| !state.may_sell())
        {
            stop_reseller(&mut tx, reseller, true, &RequestId::fresh()).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use testkit::TestEnv;

    use super::*;
    use crate::store::account::{NewAccount, create};

    #[tokio::test]
    async fn whoever_was_suspended_before_there_was_anybody_to_tell_is_stopped_too() {
        let test_env = TestEnv::new().await;
        let pool = &test_env.pool;
        let company = async |name: &str, state: &str| {
            let email = format!("{state}@example.com");
            let account = NewAccount {
                company: name,
                about: "",
                name: "Ada",
                email: &email,
                password_hash: "x",
            };
            create(pool, &account).await.expect("a user");
            sqlx::query_scalar(
                "UPDATE reseller.resellers SET state = $2 WHERE name = $1 RETURNING reseller",
            )
            .bind(name)
            .bind(state)
            .fetch_one(pool)
            .await
            .expect("a reseller")
        };
        let suspended: ResellerId = company("Quay", "suspended").await;
        company("Dock", "approved").await;
        for round in 0..2 {
            if round == 1 {
                // Whoever is stopped is not looked at again: a reseller who is being decided about
                // holds nobody up.
                let mut deciding = pool.begin().await.expect("a transaction");
                store::account::locked_state(&mut deciding, suspended).await.expect("locked");
                let again = tokio::time::timeout(Duration::from_secs(5), stop_refused(pool)).await;
                again.expect("it waits for nobody").expect("told");
            }
            stop_refused(pool).await.expect("told");
            let stopped: Vec<ResellerId> =
                sqlx::query_scalar("SELECT reseller FROM catalog.stopped_resellers")
                    .fetch_all(pool)
                    .await
                    .expect("rows");
            assert_eq!(stopped, [suspended]);
        }
    }
}
