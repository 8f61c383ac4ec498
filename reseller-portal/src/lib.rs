//! Resellers: accounts, their shows and stock, sales, API keys, and the API their own systems use.
//!
//! Reading order: [`contract`] is what others may use. [`entry`] and [`scope`] decide without I/O.
//! [`account`] and [`signed`] are who signs up and in; [`api_key`] lets their systems in, at this
//! crate's routes and at checkout's. [`allotment`], [`stock`], [`orders`] and [`report`] are what
//! both faces show: [`pages`] for people, [`api`] for programs.

pub mod config;
pub mod contract;
pub mod error;

mod account;
mod allotment;
mod api;
mod api_key;
mod app;
mod entry;
mod grants;
mod orders;
pub mod pages;
mod report;
mod scope;
mod signed;
mod stock;
mod store;

pub use api_key::with_api_keys;
pub use app::App;
pub use config::Config;

use std::time::Duration;

use kit::{http::RequestId, serve::Tasks};
use sqlx::PgPool;
use utoipa_axum::router::OpenApiRouter;

/// The routes, state applied, by how fast one client may call them.
pub struct Routers {
    /// The portal's pages.
    pub portal: OpenApiRouter,
    /// The resellers' API. It takes API keys: put [`with_api_keys`] around it.
    pub api: OpenApiRouter,
    /// Forms that take a password or that anybody may send, where trying many must be slow.
    pub entrance: OpenApiRouter,
}

const STOP_EVERY: Duration = Duration::from_secs(60);
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

/// What the portal does by itself: it forgets sessions that are over, and sees to it that the
/// catalog knows of everybody who may not sell. Deciding tells it; this is for those about whom it
/// was decided before there was anybody to tell.
pub fn run(pool: PgPool, tasks: &Tasks) {
    let stopping = pool.clone();
    tasks.every("stopping the sales of suspended resellers", STOP_EVERY, move || {
        let pool = stopping.clone();
        async move { Ok(stop_refused(&pool).await?) }
    });
    tasks.every("forgetting portal sessions", FORGET_EVERY, move || {
        let pool = pool.clone();
        async move { Ok(store::session::forget_over(&pool).await.map(drop)?) }
    });
}

async fn stop_refused(pool: &PgPool) -> sqlx::Result<()> {
    let refused = store::account::refused(pool).await?;
    // Nearly always nobody: those who were refused long ago cost no transaction each round.
    for reseller in catalog::contract::not_stopped(pool, &refused).await? {
        let mut tx = pool.begin().await?;
        // Looked at again under the lock: they may have been let sell since.
        if store::account::locked_state(&mut tx, reseller)
            .await?
            .is_some_and(|state| !state.may_sell())
        {
            catalog::contract::stop_reseller(&mut tx, reseller, true, &RequestId::fresh()).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// All routes of the portal role.
pub fn router(app: App) -> Routers {
    let (portal, entrance) = pages::routers(app.clone());
    Routers { portal, api: api::router(app), entrance }
}

#[cfg(test)]
mod tests {
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
        let suspended: uuid::Uuid = company("Quay", "suspended").await;
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
            let stopped: Vec<uuid::Uuid> =
                sqlx::query_scalar("SELECT reseller FROM catalog.stopped_resellers")
                    .fetch_all(pool)
                    .await
                    .expect("rows");
            assert_eq!(stopped, [suspended]);
        }
    }
}
