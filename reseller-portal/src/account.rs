//! Signing up and in.

use kit::{
    password::Busy,
    throttle::{Attempt, Guesser, Network},
};
use uuid::Uuid;

use crate::{
    App,
    error::Error,
    store::account::{self, NewAccount},
};

/// A password that nobody had time to look at is no mistake of ours.
fn away(error: anyhow::Error) -> Error {
    if error.is::<Busy>() { Error::Away(error) } else { Error::Internal(error) }
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
        if !is_address(&self.email) {
            found.push(("email", "Enter an email address such as ada@example.com.".to_owned()));
        }
        if let Some(objection) = kit::password::objection(&self.password) {
            found.push(("password", objection.to_owned()));
        }
        found
    }
}

/// Whether mail could be sent there. What it really is, a mail server knows.
fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    let shaped = parts
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    shaped
        && (3..=254).contains(&text.len())
        && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
}

/// Why nobody was signed up.
pub enum Refused {
    Field(&'static str, &'static str),
    Other(Error),
}

/// Writes the account and gives its first user.
///
/// # Errors
/// A name or address that somebody has already, or the database's.
pub async fn sign_up(app: &App, form: &SignUp, network: &Network) -> Result<Uuid, Refused> {
    let hash = app
        .passwords
        .hash(network, form.password.clone())
        .await
        .map_err(|error| Refused::Other(away(error)))?;
    let account = NewAccount {
        company: &form.company,
        about: &form.about,
        name: &form.name,
        email: &form.email,
        password_hash: &hash,
    };
    account::create(&app.pool, &account).await.map_err(|error| {
        match error.as_database_error().and_then(|fault| fault.constraint()) {
            Some("resellers_name_once") => Refused::Field(
                "company",
                "A company of that name has an account already. Ask whoever made it.",
            ),
            Some("users_email_once") => {
                Refused::Field("email", "There is an account with that address. Sign in instead.")
            }
            _ => Refused::Other(error.into()),
        }
    })
}

/// The user whose address and password these are. Each attempt is counted before its password is
/// looked at, so many at once are not cheaper than many in a row; while an account rests for a
/// network, even the right password is refused, in the same words.
///
/// # Errors
/// The database or Redis away.
pub async fn sign_in(
    app: &App,
    email: &str,
    password: &str,
    network: &Network,
) -> Result<Option<Uuid>, Error> {
    let email = email.trim();
    let known = account::credentials(&app.pool, email).await?;
    let (user, hash) = known.map(|known| (known.user_id, known.password_hash)).unzip();
    let is_right = is_theirs(app, email, hash, password, network).await?;
    Ok(user.filter(|_| is_right))
}

/// Whether the password is the one that was hashed; `None` stands for an account that does not
/// exist.
async fn is_theirs(
    app: &App,
    email: &str,
    hash: Option<String>,
    password: &str,
    network: &Network,
) -> Result<bool, Error> {
    let account = email.to_lowercase();
    let guesser = Guesser { door: "portal", account: &account, network };
    let attempt = guesser.attempt(&app.redis).await.map_err(|error| Error::Away(error.into()))?;
    let password = password.to_owned();
    let looked = match attempt {
        Attempt::Counted { .. } => guesser.verify(&app.redis, &app.passwords, password, hash).await,
        // A blocked account costs the same time as a wrong password.
        Attempt::Blocked { .. } => app.passwords.verify(network, password, None).await,
    };
    if !looked.map_err(|busy| away(busy.into()))? {
        return Ok(false);
    }
    guesser.forgive(&app.redis).await.map_err(|error| Error::Away(error.into()))?;
    Ok(true)
}

/// Gives somebody who is signed in another password, where `current` is theirs, and ends their
/// other sessions. Attempts count like those to sign in. `new` was checked before.
///
/// # Errors
/// No database, no Redis, or no randomness.
pub async fn change_password(
    app: &App,
    (user, session): (Uuid, &[u8]),
    (current, new): (&str, String),
    network: &Network,
) -> Result<bool, Error> {
    let Some(known) = account::credentials_of(&app.pool, user).await? else {
        return Ok(false);
    };
    if !is_theirs(app, &known.email, Some(known.password_hash.clone()), current, network).await? {
        return Ok(false);
    }
    let hash = app.passwords.hash(network, new).await.map_err(away)?;
    Ok(account::change_password(&app.pool, &known, &hash, session).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_at_the_door_is_told_to_come_back() {
        let problem = away(Busy.into()).problem();
        assert_eq!((problem.status.as_u16(), problem.retry_after_secs), (503, Some(2)));
        assert_eq!(away(anyhow::anyhow!("no randomness")).problem().status, 500);
    }

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in ["ada@example.com", "a.b+c@mail.example.org"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "ada@example",
            "a@b@c.de",
            "ada@\n.com",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
