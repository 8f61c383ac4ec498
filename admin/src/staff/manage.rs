//! Who may sign in: adding them, disabling them, giving a new one-time password.

use identity::{Origin, password::OneTimePassword};
use kit::{email_address::EmailAddress, http::RequestId};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    App,
    audit::{Actor, AuditEntry},
    error::Error,
    staff::{Person, Role, Staff, StaffId},
    store,
    store::audit::record,
};

const NAME_CHARS_MAX: usize = 120;
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
) -> Result<(StaffId, String), Error> {
    let email = new
        .email
        .parse::<EmailAddress>()
        .map_err(|_| Error::field("email", "Give an e-mail address."))?;
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.contains('\0') {
        return Err(Error::field("name", "Give a name of 1 to 120 characters."));
    }
    app.identity.confirm_own(staff, current, from).await?;
    let OneTimePassword { password, hash, ends_at } = OneTimePassword::fresh().await?;
    let user = StaffId::from(Uuid::now_v7());
    let mut tx = app.pool.begin().await?;
    store::people::insert(&mut tx, user, email.as_str(), name, new.role, (&hash, ends_at))
        .await
        .map_err(|error| match kit::postgres::violated_constraint(&error) {
            Some("users_email_once") => Error::EmailTaken,
            _ => Error::Store(error),
        })?;
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
    person: StaffId,
    disabled: bool,
    current: &str,
    from: &Origin,
) -> Result<(), Error> {
    if !disabled {
        app.identity.confirm_own(staff, current, from).await?;
    }
    let mut tx = app.pool.begin().await?;
    // Two admins who disable each other at the same time wait for one another here.
    store::people::be_alone(&mut tx).await?;
    let account = store::people::for_update(&mut tx, person).await?.ok_or(Error::PersonUnknown)?;
    if account.person.disabled_at.is_some() == disabled {
        return Ok(());
    }
    let last = account.person.role == Role::Admin && store::people::admins(&mut tx).await? <= 1;
    if disabled && (last || person == staff.id) {
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
    person: StaffId,
    current: &str,
    from: &Origin,
) -> Result<(String, String), Error> {
    if person == staff.id {
        return Err(Error::OwnReset);
    }
    app.identity.confirm_own(staff, current, from).await?;
    let new = OneTimePassword::fresh().await?;
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
    new: &OneTimePassword,
    actor: Actor<'_>,
    request: &RequestId,
) -> sqlx::Result<()> {
    store::people::set_password(tx, person.id, &new.hash, Some(new.ends_at)).await?;
    let ended = store::session::end_others(tx, person.id, &[]).await?;
    let entry = AuditEntry::new("password.reset", format!("person {}", person.email))
        .before(json!({"one_time": person.must_change_password}))
        .after(json!({"one_time": true, "sessions_ended": ended, "ends_at": new.ends_at}));
    record(tx, actor, request, &entry).await
}
