//! Signing up and in.

use uuid::Uuid;

use crate::{
    App,
    error::Error,
    signed::Signed,
    store::account::{self, Credentials, NewAccount},
};

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
    let shaped = parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    shaped && (3..=254).contains(&text.len()) && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
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
pub async fn sign_up(app: &App, form: &SignUp) -> Result<Uuid, Refused> {
    let hash = kit::password::hash(form.password.clone()).await.map_err(|error| Refused::Other(error.into()))?;
    let account = NewAccount {
        company: &form.company,
        about: &form.about,
        name: &form.name,
        email: &form.email,
        password_hash: &hash,
    };
    account::create(&app.pool, &account).await.map_err(|error| {
        match error.as_database_error().and_then(|fault| fault.constraint()) {
            Some("resellers_name_once") => {
                Refused::Field("company", "A company of that name has an account already. Ask whoever made it.")
            }
            Some("users_email_once") => {
                Refused::Field("email", "There is an account with that address. Sign in instead.")
            }
            _ => Refused::Other(error.into()),
        }
    })
}

/// The user whose address and password these are. Each attempt is counted before its password is looked at, so many at
/// once are not cheaper than many in a row; while an account rests, even the right password is refused, in the same words.
///
/// # Errors
/// The database's.
pub async fn sign_in(app: &App, email: &str, password: &str) -> sqlx::Result<Option<Uuid>> {
    let known = account::credentials(&app.pool, email.trim()).await?;
    let Some(known) = known else {
        kit::password::verify(password.to_owned(), None).await;
        return Ok(None);
    };
    Ok(is_theirs(app, &known, password).await?.then_some(known.user_id))
}

async fn is_theirs(app: &App, known: &Credentials, password: &str) -> sqlx::Result<bool> {
    let allowed = account::attempt(&app.pool, known.user_id, kit::throttle::block_secs).await?;
    // A blocked account costs the same time as a wrong password.
    let hash = allowed.then(|| known.password_hash.clone());
    if !kit::password::verify(password.to_owned(), hash).await {
        return Ok(false);
    }
    account::forgive(&app.pool, known.user_id).await?;
    Ok(true)
}

/// Gives somebody who is signed in another password, where `current` is theirs, and ends their other sessions. Attempts
/// count like those to sign in. `new` was checked before.
///
/// # Errors
/// No database, or no randomness.
pub async fn change_password(app: &App, signed: &Signed, current: &str, new: String) -> Result<bool, Error> {
    let Some(known) = account::credentials_of(&app.pool, signed.member.user_id).await? else { return Ok(false) };
    if !is_theirs(app, &known, current).await? {
        return Ok(false);
    }
    let hash = kit::password::hash(new).await?;
    Ok(account::change_password(&app.pool, &known, &hash, &signed.session()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in ["ada@example.com", "a.b+c@mail.example.org"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@example", "a@b@c.de", "ada@\n.com"] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
