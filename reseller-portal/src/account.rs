//! Those who sign in for a reseller.

pub mod members;
pub mod sign_up;

use catalog::contract::ResellerId;
use kit::email_address::EmailAddress;

use crate::reseller::ResellerState;

kit::uuid_id!(/// Somebody who signs in for a reseller.
    MemberId);

/// Somebody who signs in for a reseller. Their address is personal.
#[derive(Clone)]
pub struct Member {
    pub id: MemberId,
    pub email: String,
    pub reseller: ResellerId,
    pub company: String,
    pub state: ResellerState,
    /// Why they were declined or suspended.
    pub reason: Option<String>,
}

/// What somebody wrote to sign up.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(default)]
pub struct SignUp {
    pub company: String,
    pub about: String,
    pub name: String,
    pub email: String,
    pub password: String,
}

impl SignUp {
    pub fn trimmed(self) -> Self {
        let trim = |text: String| text.trim().to_owned();
        Self {
            company: trim(self.company),
            about: trim(self.about),
            name: trim(self.name),
            email: trim(self.email),
            password: self.password,
        }
    }

    /// Fields that do not fit, with what to do about them.
    pub fn objections(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let mut length = |field, text: &str, max: usize, empty: &str| {
            let chars = text.chars().count();
            if text.contains('\0') || chars > max {
                found.push((field, format!("Use {max} characters at most.")));
            } else if chars == 0 && !empty.is_empty() {
                found.push((field, empty.to_owned()));
            }
        };
        length("company", &self.company, 120, "Enter the name of your company.");
        length("about", &self.about, 2_000, "");
        length("name", &self.name, 100, "Enter your name.");
        if self.email.parse::<EmailAddress>().is_err() {
            found.push(("email", "Enter an email address such as ada@example.com.".to_owned()));
        }
        if let Some(objection) = kit::password::objection(&self.password) {
            found.push(("password", objection.to_owned()));
        }
        found
    }
}
