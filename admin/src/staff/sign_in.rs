//! Signing in and out. Guessing is slow, for each address and network, and no answer tells whether
//! an address has an account.

use axum::extract::FromRequestParts;
use chrono::{DateTime, TimeDelta, Utc};
use kit::{
    http::RequestId,
    throttle::{Attempt, Guesser, Network},
};
use serde_json::json;
use sqlx::PgConnection;

use crate::{
    App,
    audit::{Actor, AuditEntry},
    error::Error,
    security::{Failure, log},
    staff::{Account, Staff},
    store,
    store::audit::record,
};

/// The prefix of sessions' tokens.
const TOKEN_PREFIX: &str = "fga_";

/// A session lasts so long at most.
pub const SESSION_SECS: i64 = 12 * 3600;

/// A fresh session.
pub struct SignedIn {
    /// Shown to its owner only; its hash is stored.
    pub token: String,
    pub expires_at: DateTime<Utc>,
    pub must_change_password: bool,
}

/// Where a request comes from.
#[derive(FromRequestParts)]
#[from_request(state(App))]
pub struct Origin {
    pub network: Network,
    pub request: RequestId,
}

/// Counts an attempt at the password of an account, which need not be anybody's. Gives the number
/// in a row.
async fn attempt(app: &App, guesser: &Guesser<'_>) -> Result<i32, Error> {
    match guesser.attempt(&app.redis).await? {
        Attempt::Counted { failed } => Ok(failed),
        Attempt::Blocked { secs } => {
            log::count(app, Failure::Blocked, guesser.network, guesser.account).await;
            Err(Error::SignInBlocked { secs })
        }
    }
}

/// Opens a session.
///
/// # Errors
/// [`Error::SignInRefused`], or [`Error::SignInBlocked`] after many failures in a row from this
/// network, whether or not there is such an account; [`Error::Away`] where they cannot be counted.
pub async fn sign_in(
    app: &App,
    email: &str,
    password: &str,
    from: &Origin,
) -> Result<SignedIn, Error> {
    let email = email.trim();
    let address = email.to_lowercase();
    let guesser = Guesser { door: "console", account: &address, network: &from.network };
    let failed = attempt(app, &guesser).await?;
    let account = store::people::by_email(&app.pool, email).await?;
    let account = account.filter(|account| account.person.disabled_at.is_none());
    // No transaction is open while the password is worked on.
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let is_right = guesser.verify(&app.redis, &app.passwords, password.to_owned(), hash).await?;
    let mut tx = app.pool.begin().await?;
    let now = match &account {
        Some(account) => store::people::for_update(&mut tx, account.person.person).await?,
        None => None,
    };
    let unchanged = now.as_ref().map(|now| &now.password_hash)
        == account.as_ref().map(|account| &account.password_hash);
    let signed_in = match now.filter(|now| is_right && unchanged && now.is_good(Utc::now())) {
        Some(now) => open(&mut tx, &now, failed - 1, from).await?,
        None => {
            tx.rollback().await?;
            log::count(app, Failure::SignIn, &from.network, &address).await;
            return Err(Error::SignInRefused);
        }
    };
    tx.commit().await?;
    // The session is open, and a one-time password used up: what is not forgiven is forgotten
    // within the hour.
    if let Err(error) = guesser.forgive(&app.redis).await {
        tracing::warn!(%error, "failed sign-ins could not be forgiven");
    }
    Ok(signed_in)
}

async fn open(
    tx: &mut PgConnection,
    account: &Account,
    failed: i32,
    from: &Origin,
) -> Result<SignedIn, Error> {
    let person = &account.person;
    let token = kit::secret::generate(TOKEN_PREFIX);
    let expires_at = Utc::now() + TimeDelta::seconds(SESSION_SECS);
    if person.must_change_password {
        store::people::use_up(tx, person.person).await?;
    }
    store::session::insert(tx, &kit::secret::hash(&token), person.person, expires_at).await?;
    let entry = AuditEntry::new("sign_in", format!("person {}", person.email))
        .before(json!({"signed_in": false, "failed_in_a_row": failed}))
        .after(json!({"signed_in": true, "failed_in_a_row": 0, "session_expires_at": expires_at}));
    record(tx, Actor { who: &person.email, network: Some(&from.network) }, &from.request, &entry)
        .await?;
    Ok(SignedIn { token, expires_at, must_change_password: person.must_change_password })
}

/// Ends a session.
pub async fn sign_out(
    app: &App,
    staff: &Staff,
    token: &str,
    request: &RequestId,
) -> Result<(), Error> {
    let mut tx = app.pool.begin().await?;
    store::session::end(&mut tx, &kit::secret::hash(token)).await?;
    let entry = AuditEntry::new("sign_out", format!("person {}", staff.email))
        .before(json!({"signed_in": true}))
        .after(json!({"signed_in": false}));
    record(&mut tx, staff, request, &entry).await?;
    tx.commit().await?;
    Ok(())
}

/// Replaces somebody's own password and ends their other sessions. Whoever has a one-time password
/// need not repeat it as `current`: it opened this session and nothing else.
///
/// # Errors
/// [`Error::Field`] for `current` or `password`; wrong guesses of `current` count as failed
/// sign-ins.
pub async fn change_password(
    app: &App,
    staff: &Staff,
    token: &str,
    (current, password): (&str, &str),
    from: &Origin,
) -> Result<(), Error> {
    if let Some(objection) = kit::password::objection(password) {
        return Err(Error::field("password", objection));
    }
    let account =
        store::people::by_email(&app.pool, &staff.email).await?.ok_or(Error::SessionNeeded)?;
    if !account.person.must_change_password {
        confirm(app, &account, current, from).await?;
    }
    // No transaction is open while passwords are worked on.
    if app
        .passwords
        .verify(&from.network, password.to_owned(), Some(account.password_hash.clone()))
        .await?
    {
        return Err(Error::field("password", "Choose another one than you have now."));
    }
    let hash = app.passwords.hash(&from.network, password.to_owned()).await?;
    let mut tx = app.pool.begin().await?;
    let now =
        store::people::for_update(&mut tx, staff.person).await?.ok_or(Error::SessionNeeded)?;
    // Where an admin gave a one-time password or disabled the account meanwhile, the sessions were
    // ended and that counts.
    if now.password_hash != account.password_hash || now.person.disabled_at.is_some() {
        return Err(Error::SessionNeeded);
    }
    store::people::set_password(&mut tx, staff.person, &hash, None).await?;
    let ended =
        store::session::end_others(&mut tx, staff.person, &kit::secret::hash(token)).await?;
    let entry = AuditEntry::new("password.change", format!("person {}", staff.email))
        .before(json!({"one_time": now.person.must_change_password}))
        .after(json!({"one_time": false, "other_sessions_ended": ended}));
    record(&mut tx, staff, &from.request, &entry).await?;
    tx.commit().await?;
    Ok(())
}

/// Whether it is the owner who sits before an open session, before something that would outlast it.
///
/// # Errors
/// [`Error::Field`] for `current`; wrong guesses of it count as failed sign-ins.
pub async fn confirm_own(
    app: &App,
    staff: &Staff,
    current: &str,
    from: &Origin,
) -> Result<(), Error> {
    let account =
        store::people::by_email(&app.pool, &staff.email).await?.ok_or(Error::SessionNeeded)?;
    confirm(app, &account, current, from).await
}

async fn confirm(app: &App, account: &Account, current: &str, from: &Origin) -> Result<(), Error> {
    let address = account.person.email.to_lowercase();
    let guesser = Guesser { door: "console", account: &address, network: &from.network };
    attempt(app, &guesser).await?;
    let hash = Some(account.password_hash.clone());
    if guesser.verify(&app.redis, &app.passwords, current.to_owned(), hash).await? {
        return Ok(guesser.forgive(&app.redis).await?);
    }
    log::count(app, Failure::Password, &from.network, &address).await;
    Err(Error::field("current", "This is not your password."))
}
