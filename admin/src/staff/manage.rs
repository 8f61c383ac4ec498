//! Who may sign in: adding them, disabling them, giving a new one-time password.

use chrono::{DateTime, TimeDelta, Utc};
use kit::http::RequestId;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    App,
    audit::{Actor, AuditEntry},
    error::Error,
    staff::{
        Person, Role, Staff,
        sign_in::{self, Origin},
    },
    store,
    store::audit::record,
};

/// Characters of an address at most (RFC 5321).
const EMAIL_CHARS_MAX: usize = 254;
const NAME_CHARS_MAX: usize = 120;
/// How long a one-time password is good, unless it is used before.
const ONE_TIME_HOURS: i64 = 24;

/// A password to hand to somebody once; only its hash is stored.
pub struct OneTime {
    pub password: String,
    pub hash: String,
    pub ends_at: DateTime<Utc>,
}

impl OneTime {
    /// # Errors
    /// No randomness, or the process is ending.
    pub async fn fresh() -> anyhow::Result<Self> {
        let password = kit::password::generate();
        let hash = kit::password::hash(password.clone()).await?;
        Ok(Self { password, hash, ends_at: Utc::now() + TimeDelta::hours(ONE_TIME_HOURS) })
    }
}

/// The address in the form we keep it, or `None` where it cannot be one.
pub fn email(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, domain) = text.rsplit_once('@')?;
    let is_plain = text.chars().all(|letter| !letter.is_whitespace() && !letter.is_control());
    let fits = !local.is_empty() && domain.len() >= 3 && text.chars().count() <= EMAIL_CHARS_MAX;
    (is_plain && fits && !domain.starts_with('.') && !domain.ends_with('.'))
        .then(|| text.to_owned())
}

/// Somebody to add.
pub struct NewPerson<'a> {
    pub email: &'a str,
    /// 1 to 120 characters.
    pub name: &'a str,
    pub role: Role,
}

/// Adds somebody and gives their id and one-time password, which is stored nowhere. `current` is
/// the password of whoever does it: whoever finds an open session must not make an account that
/// outlasts it.
///
/// # Errors
/// [`Error::Field`], also for `current`, wrong guesses of which count as failed sign-ins;
/// [`Error::EmailTaken`].
pub async fn add(
    app: &App,
    staff: &Staff,
    new: &NewPerson<'_>,
    current: &str,
    from: &Origin,
) -> Result<(Uuid, String), Error> {
    let email = email(new.email).ok_or_else(|| Error::field("email", "Give an e-mail address."))?;
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.contains('\0') {
        return Err(Error::field("name", "Give a name of 1 to 120 characters."));
    }
    sign_in::confirm_own(app, staff, current, from).await?;
    let OneTime { password, hash, ends_at } = OneTime::fresh().await?;
    let user = Uuid::now_v7();
    let mut tx = app.pool.begin().await?;
    store::people::insert(&mut tx, user, &email, name, new.role, (&hash, ends_at)).await.map_err(
        |error| match kit::postgres::violated_constraint(&error) {
            Some("users_email_once") => Error::EmailTaken,
            _ => Error::Store(error),
        },
    )?;
    let entry =
        AuditEntry::new("person.add", format!("person {email}")).after(json!({"role": new.role}));
    record(&mut tx, staff, &from.request, &entry).await?;
    tx.commit().await?;
    Ok((user, password))
}

/// Lets somebody sign in or not. Whoever is disabled is signed out at once. To let somebody in asks
/// for `current`, as [`add`] does; to keep somebody out must be quick.
///
/// # Errors
/// [`Error::PersonUnknown`]; [`Error::LastAdmin`] for oneself and for the last admin;
/// [`Error::Field`] for `current`.
pub async fn set_disabled(
    app: &App,
    staff: &Staff,
    person: Uuid,
    disabled: bool,
    current: &str,
    from: &Origin,
) -> Result<(), Error> {
    if !disabled {
        sign_in::confirm_own(app, staff, current, from).await?;
    }
    let mut tx = app.pool.begin().await?;
    // Two admins who disable each other at the same time wait for one another here.
    store::people::be_alone(&mut tx).await?;
    let account = store::people::for_update(&mut tx, person).await?.ok_or(Error::PersonUnknown)?;
    if account.person.disabled_at.is_some() == disabled {
        return Ok(());
    }
    let last = account.person.role == Role::Admin && store::people::admins(&mut tx).await? <= 1;
    if disabled && (last || person == staff.person) {
        return Err(Error::LastAdmin);
    }
    store::people::set_disabled(&mut tx, person, disabled).await?;
    if disabled {
        store::session::end_others(&mut tx, person, &[]).await?;
    }
    let entry = AuditEntry::new("person.change", format!("person {}", account.person.email))
        .before(json!({"disabled": !disabled}))
        .after(json!({"disabled": disabled}));
    record(&mut tx, staff, &from.request, &entry).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives somebody else a new one-time password and ends their sessions. Gives their address and the
/// password. What was done is told to them at the page where they choose their own. It asks for
/// `current`, as [`add`] does.
///
/// # Errors
/// [`Error::Field`] for `current`; [`Error::PersonUnknown`]; [`Error::OwnReset`] for oneself, since
/// whoever finds an open session must not get past the question for the password that is;
/// [`Error::PersonDisabled`] for whom no password opens anything.
pub async fn reset_password(
    app: &App,
    staff: &Staff,
    person: Uuid,
    current: &str,
    from: &Origin,
) -> Result<(String, String), Error> {
    if person == staff.person {
        return Err(Error::OwnReset);
    }
    sign_in::confirm_own(app, staff, current, from).await?;
    let new = OneTime::fresh().await?;
    let mut tx = app.pool.begin().await?;
    let account = store::people::for_update(&mut tx, person).await?.ok_or(Error::PersonUnknown)?;
    if account.person.disabled_at.is_some() {
        return Err(Error::PersonDisabled);
    }
    replace(&mut tx, &account.person, &new, staff.into(), &from.request).await?;
    tx.commit().await?;
    Ok((account.person.email, new.password))
}

/// Gives somebody a one-time password in place of what they have, ends their sessions, and notes
/// who did it.
pub async fn replace(
    tx: &mut PgConnection,
    person: &Person,
    new: &OneTime,
    actor: Actor<'_>,
    request: &RequestId,
) -> sqlx::Result<()> {
    store::people::set_password(tx, person.person, &new.hash, Some(new.ends_at)).await?;
    let ended = store::session::end_others(tx, person.person, &[]).await?;
    let entry = AuditEntry::new("password.reset", format!("person {}", person.email))
        .before(json!({"one_time": person.must_change_password}))
        .after(json!({"one_time": true, "sessions_ended": ended, "ends_at": new.ends_at}));
    record(tx, actor, request, &entry).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_texts() {
        assert_eq!(email(" ada@example.org ").as_deref(), Some("ada@example.org"));
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a da@example.org",
            "ada@.org",
            "ada@example.",
            "a\u{0}@b.org",
        ] {
            assert_eq!(email(text), None, "{text:?}");
        }
    }
}
