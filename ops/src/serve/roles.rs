//! What each role brings: routes with their limits, and background tasks.

use std::sync::Arc;

use admission::contract::{Gate, PassKeys, PassVerifier};
use anyhow::Context;
use axum::{
    extract::Request,
    middleware::{from_fn_with_state, map_request},
};
use kit::{limit::Policy, serve::Apart};

use super::{
    assembly::{Assembly, Configs},
    role::Role,
};
use crate::settings::Stores;

/// Adds everything that `roles` stand for. Checkout, and what lets fans into it, have threads and
/// connections of their own: however many ask where they stand, whoever is inside is served.
pub async fn add(
    all: &mut Assembly,
    roles: &[Role],
    (inside, stores): (Stores, &Stores),
    configs: Configs,
) -> anyhow::Result<()> {
    let has = |role| roles.contains(&role);
    let apart = Apart::start("checkout", &all.tasks)?;
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
        add_waitroom(all, stores, config, gate.clone(), pass_keys, &portal)?;
    }
    if has(Role::Admission) {
        let (inside, tasks) = (inside.clone(), all.tasks.clone());
        let gate = Gate::new(inside.redis);
        let started = async move { admission::run(inside.steady, inside.kafka, gate, &tasks) };
        apart.run(started).await?;
    }
    if let Some(config) = configs.checkout {
        let roles = (has(Role::Checkout), has(Role::Writer));
        let apart = (inside.clone(), apart.clone());
        add_checkout(all, apart, config, verifier, roles, &portal).await?;
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
        add_sandbox(all, (inside, apart), config).await?;
    }
    Ok(())
}

fn add_waitroom(
    all: &mut Assembly,
    stores: &Stores,
    config: waitroom::Config,
    gate: Gate,
    pass_keys: Option<Arc<PassKeys>>,
    portal: &reseller_portal::App,
) -> anyhow::Result<()> {
    let keys = pass_keys.context("FAIRGATE_PASS_KEYS is missing")?;
    let app = waitroom::App::new(
        config,
        stores.pool.clone(),
        stores.redis.clone(),
        gate,
        stores.kafka.clone(),
        keys.clone(),
    )?;
    waitroom::run(&app, stores.steady.clone(), stores.kafka.clone(), &all.tasks);
    all.ready.waitroom = Some(app.clone());
    let routers = waitroom::router(app);
    let (join, wait) = (all.limits.join, all.limits.wait);
    all.add(admission::router(keys));
    // A shop joins for many fans: it is known by its key, and the waiting room knows it as a
    // seller.
    all.add_for_keys(routers.joining.layer(map_request(as_agent)), join, portal);
    let head = all.limits.head;
    all.add_limited(routers.head, head);
    all.add_limited(routers.waiting, wait);
    all.add_presented(routers.claiming, Policy { name: "claim", ..wait }, "claim-address");
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
    (stores, apart): (Stores, Apart),
    config: checkout::Config,
    verifier: Option<PassVerifier>,
    (answers, writes): (bool, bool),
    portal: &reseller_portal::App,
) -> anyhow::Result<()> {
    let verifier = verifier.context("FAIRGATE_PASS_KEYS is missing")?;
    let tasks = all.tasks.clone();
    let started = async move {
        let Stores { pool, steady, redis, kafka } = stores;
        let gate = Gate::new(redis.clone());
        let app = checkout::App::new(config, pool, redis, kafka, gate, verifier)?;
        if answers {
            checkout::run_api(app.clone(), tasks.clone()).await;
        }
        if writes {
            checkout::run_writer(app.clone(), steady, tasks).await;
        }
        anyhow::Ok(app)
    };
    let app = apart.run(started).await?;
    all.ready.checkout = Some(app.clone());
    if answers {
        let buy = all.limits.buy;
        let there = from_fn_with_state(apart, Apart::answer);
        all.add(checkout::webhooks(app.clone()).layer(there.clone()));
        let routers = checkout::routers(app);
        let policy = Policy { name: "redeem", ..buy };
        all.add_presented(routers.entering.layer(there.clone()), policy, "redeem-address");
        all.add_for_keys(routers.buying.layer(there), buy, portal);
    }
    Ok(())
}

/// Another's provider does not stand behind our fans for a connection to the database, either.
const SANDBOX_CONNECTIONS_MAX: u32 = 4;

/// The provider that takes no money is asked while an order is placed.
async fn add_sandbox(
    all: &mut Assembly,
    (stores, apart): (Stores, Apart),
    config: checkout::sandbox::Config,
) -> anyhow::Result<()> {
    let tasks = all.tasks.clone();
    let started = async move {
        let pool = kit::postgres::another(&stores.pool, SANDBOX_CONNECTIONS_MAX);
        let state = checkout::sandbox::State::new(config, pool)?;
        checkout::sandbox::run(&state, &tasks);
        anyhow::Ok(state)
    };
    let routers = checkout::sandbox::router(&apart.run(started).await?);
    let there = from_fn_with_state(apart, Apart::answer);
    let buy = all.limits.buy;
    all.add(routers.merchant.layer(there.clone()));
    all.add_limited(routers.payer.layer(there), buy);
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
