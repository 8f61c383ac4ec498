//! How fast resellers' systems may call.

use std::{collections::HashMap, net::SocketAddr};

use axum::{Extension, Router, extract::ConnectInfo};
use futures::future::join_all;
use kit::{
    limit::{
        ClientAddress, Policy,
        callers::{Callers, Known},
    },
    serve::Tasks,
    settings::Settings,
};
use reseller_portal::contract::ResellerState;
use testkit::Client;

use crate::test_portal::TestPortal;

/// Checkout behind the limits that it has by default, called from one address.
fn checkout(portal: &TestPortal, tasks: &Tasks) -> Router {
    let env = HashMap::new();
    let mut settings = Settings::new(&env);
    let clients = ClientAddress::from_settings(&mut settings);
    let sell = Policy::from_settings(&mut settings, "sell", 500, 1_000);
    let buy = Policy::from_settings(&mut settings, "buy", 10, 100);
    let callers = Callers::new(Known::new(sell, tasks), buy, &clients, tasks);
    let calls = checkout::router(portal.checkout.app.clone());
    let calls = reseller_portal::with_api_keys(calls, portal.app.clone(), Some(callers));
    let shop = ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 1)));
    kit::http::stack(calls.split_for_parts().0).layer(Extension(shop))
}

/// What comes of as many holds as there are tokens, sent all at once; none of them holds anything.
async fn hold(
    router: &Router,
    tokens: impl Iterator<Item = String>,
) -> HashMap<(u16, String), usize> {
    let calls = tokens.map(|token| async move {
        let answer = Client::of(router).post("/v1/holds").bearer(&token).send().await;
        let policy = answer.header("ratelimit-policy").split(';').next().unwrap().to_owned();
        (answer.status.as_u16(), policy)
    });
    let mut found = HashMap::new();
    for outcome in join_all(calls).await {
        *found.entry(outcome).or_default() += 1;
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_with_a_good_key_is_not_one_fan_and_made_up_keys_are() {
    let portal = TestPortal::new().await;
    let (browser, reseller) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let (key, tasks) = (browser.key().await, Tasks::default());
    let (sell, buy) = ("\"sell\"".to_owned(), "\"buy\"".to_owned());

    let router = checkout(&portal, &tasks);
    let found = hold(&router, (0..200).map(|_| key.clone())).await;
    assert!(found.keys().all(|(status, policy)| *status != 429 && *policy == sell), "{found:?}");

    for made_up in [true, false] {
        let router = checkout(&portal, &tasks);
        let one = kit::secret::generate("fgk_");
        let tokens =
            (0..200).map(|_| if made_up { kit::secret::generate("fgk_") } else { one.clone() });
        let found = hold(&router, tokens).await;
        let (unknown, refused) = (found[&(401, buy.clone())], found[&(429, buy.clone())]);
        assert!((100..150).contains(&unknown) && unknown + refused == 200, "{found:?}");
        // Whoever was believed here a moment ago still is, wherever they call from.
        let found = hold(&router, std::iter::once(key.clone())).await;
        assert!(found.keys().all(|(status, _)| *status != 429), "{found:?}");
    }

    // A key that is shut becomes a stranger's.
    portal.decide(reseller, ResellerState::Suspended, None).await;
    let router = checkout(&portal, &tasks);
    tokio::time::sleep(std::time::Duration::from_millis(950)).await;
    let found = hold(&router, (0..200).map(|_| key.clone())).await;
    assert!(
        found[&(429, buy.clone())] >= 50 && !found.keys().any(|(_, policy)| *policy == sell),
        "{found:?}"
    );
    tasks.stop().cancel();
}
