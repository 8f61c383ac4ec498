//! API keys.

use std::time::{Duration, Instant};

use reseller_portal::contract::ResellerState;

use crate::test_portal::{TestPortal, eventually, key_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_stored_hashed() {
    let portal = TestPortal::new().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let key = browser.key().await;
    assert_eq!(key.len(), 4 + 43);
    let page = browser.read("/portal/keys").await;
    assert!(key_of(&page).is_none() && page.contains(&key[..10]), "{page}");
    let rows: Vec<(Vec<u8>, String)> =
        sqlx::query_as("SELECT key_hash, k::text FROM reseller.api_keys k")
            .fetch_all(&portal.test_env.pool)
            .await
            .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].0, kit::secret::hash(&key));
    assert!(!rows[0].1.contains(&key));
    portal.get("/v1/reseller/shows", &key).await.ok(200);
    assert!(
        browser.read("/portal/keys").await.contains("UTC</time></td><td><a"),
        "when it was used is shown"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_what_its_scopes_say_and_no_more() {
    let portal = TestPortal::new().await;
    let (browser, _) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    assert!(
        browser
            .post("/portal/keys", &[("name", "Nothing")])
            .await
            .ok(422)
            .text
            .contains("Choose at least one")
    );
    let page = browser
        .post("/portal/keys", &[("name", "Reports"), ("reports_read", "on")])
        .await
        .ok(200)
        .text;
    let key = key_of(&page).expect("a key");
    portal.get("/v1/reseller/sales", &key).await.ok(200);
    for path in ["/v1/reseller/shows", "/v1/reseller/orders"] {
        assert_eq!(portal.get(path, &key).await.ok(403).problem(), "scope-missing");
    }
    assert_eq!(
        portal.get("/v1/reseller/shows", "nonsense").await.ok(401).problem(),
        "api-key-missing"
    );
    let unknown = kit::secret::generate("fgk_");
    assert_eq!(
        portal.get("/v1/reseller/shows", &unknown).await.ok(401).problem(),
        "api-key-unknown"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_and_a_suspended_reseller_are_shut_within_a_second() {
    let portal = TestPortal::new().await;
    let (browser, reseller) = portal.reseller("Quay Tickets", ResellerState::Approved).await;
    let (revoked, kept) = (browser.key().await, browser.key().await);
    let shut = async |key: &str, since: Instant| {
        eventually("the key is shut", async || {
            (portal.get("/v1/reseller/shows", key).await.status == 401).then_some(())
        })
        .await;
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    };
    portal.get("/v1/reseller/shows", &revoked).await.ok(200);
    portal.get("/v1/reseller/shows", &kept).await.ok(200);
    let id: uuid::Uuid =
        sqlx::query_scalar("SELECT key_id FROM reseller.api_keys WHERE key_hash = $1")
            .bind(kit::secret::hash(&revoked))
            .fetch_one(&portal.test_env.pool)
            .await
            .unwrap();
    let path = format!("/portal/keys/{id}/revoke");
    assert!(browser.read(&path).await.contains("Within a second"));
    let answer = browser.post(&path, &[]).await;
    let since = Instant::now();
    assert_eq!(answer.sent_to(), "/portal/keys");
    shut(&revoked, since).await;
    portal.get("/v1/reseller/shows", &kept).await.ok(200);

    portal.decide(reseller, ResellerState::Suspended, None).await;
    shut(&kept, Instant::now()).await;
    portal.decide(reseller, ResellerState::Approved, None).await;
    portal.get("/v1/reseller/shows", &kept).await.ok(200);
}
