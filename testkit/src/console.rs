//! A console in this process, for tests of other crates that need an admin to have done something.

use ::admin::{App, Config, contract::create_first_admin};
use ::checkout::contract::{LinkHolder, new_order_link};
use admission::contract::Gate;
use axum::Router;
use kit::settings::Settings;
use serde_json::json;
use uuid::Uuid;

use crate::{Client, TestEnv};

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "a long enough password 1";

/// A console and its first admin. Nothing runs in its background: what it says to others stays in
/// its outbox.
pub struct Console {
    router: Router,
    token: String,
    test_env: TestEnv,
}

/// What an admin answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupportAnswer {
    pub ticket: Uuid,
    pub message: Uuid,
}

impl Console {
    /// # Panics
    /// When there is an admin already.
    pub async fn start(test_env: &TestEnv) -> Self {
        let mut settings = test_env.settings();
        let key = kit::token::generate_seal_key().expect("a key");
        settings.insert("FAIRGATE_CHECKOUT_KEYS".to_owned(), key);
        let mut reading = Settings::new(&settings);
        let config = Config::from_settings(&mut reading);
        reading.finish().expect("settings");
        let TestEnv { pool, redis, kafka, .. } = test_env.clone();
        let gate = Gate::new(redis.clone());
        let first = create_first_admin(&pool, EMAIL).await.expect("an admin").expect("the first");
        let routers = ::admin::router(App::new(config, pool, redis, kafka, gate).expect("console"));
        let routes = routers.console.merge(routers.sign_in).merge(routers.support);
        let router = kit::http::stack(routes.split_for_parts().0);
        let client = Client::of(&router);
        let body = json!({ "email": EMAIL, "password": first.password });
        let session = client.post("/v1/admin/sessions").json(&body).send().await.ok(201);
        let token = session.text_of("token");
        let chosen = client.put("/v1/admin/password").bearer(&token);
        chosen.json(&json!({ "password": PASSWORD })).send().await.ok(204);
        Self { router, token, test_env: test_env.clone() }
    }

    /// A fan asks about an order, and an admin answers.
    pub async fn answer_support(&self, order: Uuid, text: &str) -> SupportAnswer {
        let link = new_order_link(&self.test_env.pool, order, LinkHolder::Page).await;
        let client = Client::of(&self.router);
        let question = [("topic", "other"), ("text", "A question")];
        let path = link.expect("a link").support_path();
        let asked = client.post(&path).header("accept", "text/html").form(&question).send().await;
        asked.ok(303);
        let open = client.get("/v1/admin/support?state=open").bearer(&self.token).send().await;
        let (open, about) = (open.ok(200), order.to_string());
        let mut tickets = open.body["tickets"].as_array().expect("tickets").iter();
        let ticket = tickets.find(|ticket| ticket["order"] == about.as_str()).expect("a ticket");
        let ticket = ticket["ticket"].as_str().expect("an id");
        let path = format!("/v1/admin/support/{ticket}/answers");
        let answer = client.post(&path).bearer(&self.token).json(&json!({ "text": text }));
        let message = answer.send().await.ok(201).text_of("message");
        let id = |text: &str| text.parse().expect("an id");
        SupportAnswer { ticket: id(ticket), message: id(&message) }
    }
}
