//! What each role brings: routes with their limits, and background tasks.

use std::sync::Arc;

use admission::contract::{Gate, PassKeys, PassVerifier};
use anyhow::Context;
use axum::{extract::Request, middleware::map_request};

use super::{
    assembly::{Assembly, Configs},
    role::Role,
};
use crate::settings::Stores;

/// Adds everything that `roles` stand for.
pub async fn add(
    all: &mut Assembly,
    roles: &[Role],
    stores: &Stores,
    configs: Configs,
) -> anyhow::Result<()> {
    let has = |role| roles.contains(&role);
    let gate = Gate::new(stores.redis.clone());
    let (pass_keys, verifier) = configs
        .passes
        .map_or((None, None), |passes| (passes.pass_keys.map(Arc::new), passes.verifier));
    let portal =
        reseller_portal::App::new(configs.portal, stores.pool.clone(), stores.redis.clone());
    if has(Role::Catalog) {
        let read = all.limits.read;
        all.add_limited(catalog::router(catalog::App { pool: stores.pool.clone() }), read);
        catalog::run(stores.steady.clone(), stores.kafka.clone(), &all.tasks);
    }
    if let Some(config) = configs.waitroom {
        add_waitroom(all, stores, config, pass_keys, &portal)?;
    }
    if has(Role::Admission) {
        admission::run(stores.steady.clone(), stores.kafka.clone(), gate.clone(), &all.tasks)?;
    }
    if let Some(config) = configs.checkout {
        add_checkout(
            all,
            stores,
            config,
            gate.clone(),
            verifier,
            (has(Role::Checkout), has(Role::Writer)),
            &portal,
        )
        .await?;
    }
    if has(Role::Portal) {
        let (work, sign_in) = (all.limits.work, all.limits.sign_in);
        let routers = reseller_portal::router(portal.clone());
        all.add_limited(routers.portal, work);
        all.add_for_keys(routers.api, work, &portal);
        reseller_portal::run(stores.steady.clone(), &all.tasks);
        all.add_limited(routers.entrance, sign_in);
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
    portal: &reseller_portal::App,
) -> anyhow::Result<()> {
    let keys = pass_keys.context("FAIRGATE_PASS_KEYS is missing")?;
    let app = waitroom::App::new(config, stores.pool.clone(), stores.kafka.clone(), keys.clone())?;
    waitroom::run(&app, stores.steady.clone(), stores.kafka.clone(), &all.tasks);
    all.ready.waitroom = Some(app.clone());
    let routers = waitroom::router(app);
    let (join, wait) = (all.limits.join, all.limits.wait);
    all.add(admission::router(keys));
    // A shop joins for many fans: it is known by its key, and the waiting room knows it as a
    // seller.
    all.add_for_keys(routers.joining.layer(map_request(as_agent)), join, portal);
    all.add_limited(routers.waiting, wait);
    Ok(())
}

/// Tells the waiting room which reseller's system calls, in its own words.
async fn as_agent(mut request: Request) -> Request {
    let seller = request.extensions().get::<checkout::contract::Seller>().copied();
    if let Some(seller) = seller {
        let agent =
            waitroom::contract::Agent { reseller: seller.reseller, may_sell: seller.may_sell };
        request.extensions_mut().insert(agent);
    }
    request
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
    all.ready.checkout = Some(app.clone());
    if answers {
        checkout::run_api(app.clone(), all.tasks.clone()).await;
        let buy = all.limits.buy;
        all.add(checkout::webhooks(app.clone()));
        all.add_for_keys(checkout::router(app.clone()), buy, portal);
    }
    if writes {
        checkout::run_writer(app, stores.steady.clone(), all.tasks.clone()).await;
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
    let app = admin::App::new(
        config,
        stores.pool.clone(),
        stores.redis.clone(),
        stores.kafka.clone(),
        gate,
    )?;
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use crate::serve::{Role, assemble};

    #[tokio::test]
    async fn the_portals_doors_go_at_the_pace_of_what_they_are_for() {
        let nowhere = [
            ("FAIRGATE_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
            ("FAIRGATE_REDIS_URL", "redis://127.0.0.1:1/"),
            ("FAIRGATE_KAFKA_BROKERS", "127.0.0.1:1"),
        ];
        let env: HashMap<String, String> =
            nowhere.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let server = assemble(&[Role::Portal], &env).await.expect("a server");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let management = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let tasks = server.serve_on(listener, management);
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let client = client.expect("a client");
        // Nobody is signed in and no form has its token, so that no database is asked.
        for (request, policy) in [
            (client.post(format!("{base}/portal/sign-in")), "\"sign-in\""),
            (client.post(format!("{base}/portal/sign-up")), "\"sign-in\""),
            (client.post(format!("{base}/portal/password")), "\"sign-in\""),
            (client.get(format!("{base}/portal/sign-in")), "\"work\""),
            (client.post(format!("{base}/portal/sign-out")), "\"work\""),
            (client.get(format!("{base}/v1/reseller/shows")), "\"work\""),
        ] {
            let answer = request.form(&[("password", "a guess")]).send().await.expect("an answer");
            let told =
                answer.headers().get("ratelimit-policy").and_then(|value| value.to_str().ok());
            assert!(
                told.is_some_and(|told| told.starts_with(policy)),
                "{}: {told:?}",
                answer.url()
            );
        }
        tasks.stop().cancel();
    }
}
