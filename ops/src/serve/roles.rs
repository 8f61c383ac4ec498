//! What each role brings: routes with their limits, and background tasks.

use std::sync::Arc;

use admission::contract::{Gate, PassKeys, PassVerifier};
use anyhow::Context;

use super::{Assembly, Configs, Role};
use crate::settings::Stores;

/// Adds everything that `roles` stand for.
pub async fn add(all: &mut Assembly, roles: &[Role], stores: &Stores, configs: Configs) -> anyhow::Result<()> {
    let has = |role| roles.contains(&role);
    let gate = Gate::new(stores.redis.clone());
    let (pass_keys, verifier) =
        configs.passes.map_or((None, None), |passes| (passes.pass_keys.map(Arc::new), passes.verifier));
    let portal = reseller_portal::App::new(configs.portal, stores.pool.clone(), stores.redis.clone());
    if has(Role::Catalog) {
        let read = all.limits.read;
        all.add_limited(catalog::router(catalog::App { pool: stores.pool.clone() }), read);
        catalog::run(stores.steady.clone(), stores.kafka.clone(), &all.tasks);
    }
    if let Some(config) = configs.waitroom {
        add_waitroom(all, stores, config, pass_keys)?;
    }
    if has(Role::Admission) {
        admission::run(stores.steady.clone(), stores.kafka.clone(), gate.clone(), &all.tasks)?;
    }
    if let Some(config) = configs.checkout {
        add_checkout(all, stores, config, gate.clone(), verifier, (has(Role::Checkout), has(Role::Writer)), &portal)
            .await?;
    }
    if has(Role::Portal) {
        let work = all.limits.work;
        all.add_limited(reseller_portal::router(portal), work);
    }
    if let Some(config) = configs.admin {
        add_admin(all, stores, config, gate, (has(Role::Admin), has(Role::Support)))?;
    }
    if let Some(config) = configs.notifications {
        let app = notifications::App::new(config, stores.pool.clone())?;
        notifications::run(&app, &stores.kafka, &all.tasks);
        let read = all.limits.read;
        all.add_limited(notifications::router(&app), read);
    }
    if let Some(config) = configs.sandbox {
        let state = checkout::sandbox::State::new(config, stores.pool.clone())?;
        checkout::sandbox::run(&state, &all.tasks);
        let routers = checkout::sandbox::router(&state);
        let buy = all.limits.buy;
        all.add(routers.merchant);
        all.add_limited(routers.payer, buy);
    }
    Ok(())
}

fn add_waitroom(
    all: &mut Assembly,
    stores: &Stores,
    config: waitroom::Config,
    pass_keys: Option<Arc<PassKeys>>,
) -> anyhow::Result<()> {
    let keys = pass_keys.context("FAIRGATE_PASS_KEYS is missing")?;
    let app = waitroom::App::new(config, stores.pool.clone(), stores.kafka.clone(), keys.clone())?;
    waitroom::run(&app, stores.steady.clone(), stores.kafka.clone(), &all.tasks);
    all.ready.waitroom = Some(app.clone());
    let routers = waitroom::router(app);
    let (join, wait) = (all.limits.join, all.limits.wait);
    all.add(admission::router(keys));
    all.add_limited(routers.joining, join);
    all.add_limited(routers.waiting, wait);
    Ok(())
}

async fn add_checkout(
    all: &mut Assembly,
    stores: &Stores,
    config: checkout::Config,
    gate: Gate,
    verifier: Option<PassVerifier>,
    (answers, writes): (bool, bool),
    portal: &reseller_portal::App,
) -> anyhow::Result<()> {
    let verifier = verifier.context("FAIRGATE_PASS_KEYS is missing")?;
    let (pool, redis, kafka) = (stores.pool.clone(), stores.redis.clone(), stores.kafka.clone());
    let app = checkout::App::new(config, pool, redis, kafka, gate, verifier)?;
    if answers {
        checkout::run_api(app.clone(), all.tasks.clone()).await;
        let buy = all.limits.buy;
        all.add(checkout::webhooks(app.clone()));
        all.add_limited(reseller_portal::with_api_keys(checkout::router(app.clone()), portal.clone()), buy);
    }
    if writes {
        checkout::run_writer(app, all.tasks.clone()).await;
    }
    Ok(())
}

fn add_admin(
    all: &mut Assembly,
    stores: &Stores,
    config: admin::Config,
    gate: Gate,
    (console, support): (bool, bool),
) -> anyhow::Result<()> {
    let app = admin::App::new(config, stores.pool.clone(), stores.redis.clone(), stores.kafka.clone(), gate)?;
    let routers = admin::router(app.clone());
    let (work, sign_in, buy) = (all.limits.work, all.limits.sign_in, all.limits.buy);
    if console {
        admin::run(&app, &all.tasks);
        all.add_limited(routers.console, work);
        all.add_limited(routers.sign_in, sign_in);
    }
    if support {
        all.add_limited(routers.support, buy);
    }
    Ok(())
}
