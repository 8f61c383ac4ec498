//! Resellers to test with.

use axum::Router;
use kit::{http::RequestId, settings::Settings};
use reseller_portal::{
    App, Config,
    contract::{ResellerState, decide, resellers},
};
use uuid::Uuid;

use crate::{Client, TestEnv};

const PASSWORD: &str = "a long enough password 7";

/// A company that signs up; it waits for a decision unless the test says otherwise.
#[derive(Debug, Clone)]
pub struct ResellerBuilder {
    company: String,
    state: ResellerState,
}

impl ResellerBuilder {
    pub fn new(company: &str) -> Self {
        Self { company: company.to_owned(), state: ResellerState::Pending }
    }

    pub fn state(mut self, state: ResellerState) -> Self {
        self.state = state;
        self
    }

    /// Signs up, and is decided about. Gives the reseller's id.
    pub async fn sign_up(&self, test_env: &TestEnv) -> Uuid {
        self.sign_up_at(test_env, &Client::of(&portal(test_env)).browser()).await
    }

    /// The same in a browser that is signed in afterwards.
    pub async fn sign_up_at(&self, test_env: &TestEnv, browser: &Client) -> Uuid {
        let email = format!("{}@example.com", self.company.to_lowercase().replace(' ', "-"));
        let form = [
            ("company", self.company.as_str()),
            ("about", "Shows."),
            ("name", "Ada"),
            ("email", email.as_str()),
            ("password", PASSWORD),
        ];
        let path = "/portal/sign-up";
        assert_eq!(browser.submit(path, path, &form).await.sent_to(), "/portal/waiting");
        let known = resellers(&test_env.pool, None, None, 1_000).await.expect("resellers");
        let found = known.iter().find(|entry| entry.name == self.company);
        let reseller = found.expect("who signed up is listed").reseller;
        if self.state != ResellerState::Pending {
            let mut connection = test_env.pool.acquire().await.expect("a connection");
            let request = RequestId::fresh();
            let before = decide(&mut connection, reseller, self.state, None, &request).await;
            assert!(before.expect("decided").is_some());
        }
        reseller.uuid()
    }
}

/// The portal's pages.
fn portal(test_env: &TestEnv) -> Router {
    let settings = test_env.settings();
    let mut reading = Settings::new(&settings);
    let config = Config::from_settings(&mut reading);
    reading.finish().expect("settings");
    let app = App::new(config, test_env.pool.clone(), test_env.redis.clone());
    let routers = reseller_portal::router(app);
    kit::http::stack(routers.portal.merge(routers.entrance).split_for_parts().0)
}
