//! A console whose changes are looked for in its log, and what the log must tell of them.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::test_console::{ADMIN, Reply, TestConsole};

/// Which of the two doors is gone through.
#[derive(Clone, Copy, PartialEq)]
pub enum Audience {
    Api,
    Page,
}
pub use Audience::{Api, Page};

/// A console with an admin, and names that were not used yet.
pub struct Setup {
    pub console: TestConsole,
    pub admin: String,
    number: AtomicUsize,
}

/// A call that changed something, and what the log must tell of it.
pub struct ExpectedEntry {
    pub answer: Reply,
    pub who: String,
    pub action: &'static str,
    pub target: String,
    /// The part of what was so before that is compared.
    pub before: Value,
    pub after: Value,
}

pub type ExpectedEntries = Vec<ExpectedEntry>;

impl Setup {
    pub async fn set() -> Self {
        let (console, admin) = TestConsole::with_admin().await;
        Self { console, admin, number: AtomicUsize::default() }
    }

    /// `show1`, `show2`, …
    pub fn fresh(&self, word: &str) -> String {
        format!("{word}{}", self.number.fetch_add(1, Ordering::Relaxed))
    }

    pub async fn api(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        self.console.api(method, path, Some(&self.admin), body).await
    }

    pub async fn page(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.page_of(&self.admin, path, fields).await
    }

    /// A form of somebody's session.
    pub async fn page_of(&self, token: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let csrf = kit::secret::csrf(token);
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        self.console.post(path, &format!("fg_admin={token}"), &fields).await
    }

    /// What the log tells of one request.
    pub async fn told(&self, answer: &Reply) -> Vec<Value> {
        let request = answer.headers["x-request-id"].to_str().expect("an id").to_owned();
        let rows = "SELECT coalesce(jsonb_agg(to_jsonb(a)), '[]') FROM admin.audit a WHERE \
            request_id = $1";
        let rows: Value = sqlx::query_scalar(rows)
            .bind(request)
            .fetch_one(&self.console.test_env.pool)
            .await
            .expect("rows");
        rows.as_array().expect("rows").clone()
    }
}

impl ExpectedEntry {
    /// Of the console's admin.
    pub fn of_admin(
        answer: Reply,
        action: &'static str,
        target: String,
        before: Value,
        after: Value,
    ) -> ExpectedEntries {
        vec![Self { answer, who: ADMIN.to_owned(), action, target, before, after }]
    }
}
