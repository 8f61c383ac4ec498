//! Signing in and out. Guessing is slow, for each address, and no answer tells whether an address has an account.

use chrono::{DateTime, TimeDelta, Utc};
use kit::http::RequestId;
use redis::AsyncTypedCommands;
use serde_json::json;
use sqlx::PgConnection;

use crate::{
    App,
    audit::{Deed, note},
    error::Error,
    session::SESSION_SECS,
    staff::Staff,
    store::{self, people::Account},
};

/// The prefix of sessions' tokens.
const TOKEN_PREFIX: &str = "fga_";
/// How long failed sign-ins of an address without an account are remembered.
const FORGET_SECS: i64 = 3600;
/// Whom the log names where nobody is signed in yet.
const SOMEBODY: &str = "somebody";

/// A fresh session.
pub struct SignedIn {
    /// Shown to its owner only; its hash is stored.
    pub token: String,
    pub expires_at: DateTime<Utc>,
    pub must_change_password: bool,
}

/// Opens a session.
///
/// # Errors
/// [`Error::SignInRefused`], or [`Error::SignInBlocked`] after many failures in a row, whether or not there is such an account.
pub async fn sign_in(app: &App, email: &str, password: &str, request: &RequestId) -> Result<SignedIn, Error> {
    let account =
        store::people::by_email(&app.pool, email).await?.filter(|account| account.person.disabled_at.is_none());
    let Some(account) = account else { return Err(refuse_unknown(app, email, password, request).await?) };
    refuse_blocked(account.blocked_until)?;
    // No transaction is open while the password is worked on.
    let is_right = kit::password::verify(password.to_owned(), Some(account.password_hash.clone())).await;
    let mut tx = app.pool.begin().await?;
    let now = store::people::for_update(&mut tx, account.person.person).await?.ok_or(Error::SignInRefused)?;
    // Guesses that were sent side by side do not get past the block that the first of them led to.
    refuse_blocked(now.blocked_until)?;
    let unchanged = now.password_hash == account.password_hash && now.person.disabled_at.is_none();
    if !(is_right && unchanged) {
        let error = count_failure(&mut tx, &now, request).await?;
        tx.commit().await?;
        return Err(error);
    }
    let signed_in = open(&mut tx, &now, request).await?;
    tx.commit().await?;
    Ok(signed_in)
}

fn refuse_blocked(until: Option<DateTime<Utc>>) -> Result<(), Error> {
    let left_ms = until.map_or(0, |until| (until - Utc::now()).num_milliseconds());
    if left_ms > 0 { Err(Error::SignInBlocked { secs: (left_ms + 999) / 1000 }) } else { Ok(()) }
}

async fn count_failure(tx: &mut PgConnection, account: &Account, request: &RequestId) -> Result<Error, Error> {
    let failed = account.failed.saturating_add(1);
    let secs = kit::throttle::block_secs(failed);
    let until = (secs > 0).then(|| Utc::now() + TimeDelta::seconds(secs));
    store::people::failed(tx, account.person.person, failed, until).await?;
    let deed = Deed::new("sign_in.refused", format!("person {}", account.person.email))
        .before(json!({"failed_in_a_row": account.failed}))
        .after(json!({"failed_in_a_row": failed}));
    note(tx, SOMEBODY, request, &deed).await?;
    Ok(Error::SignInRefused)
}

async fn open(tx: &mut PgConnection, account: &Account, request: &RequestId) -> Result<SignedIn, Error> {
    let person = &account.person;
    let token = kit::secret::generate(TOKEN_PREFIX);
    let token_hash = kit::secret::hash(&token);
    let expires_at = Utc::now() + TimeDelta::seconds(SESSION_SECS);
    store::people::failed(tx, person.person, 0, None).await?;
    if person.must_change_password {
        // A one-time password stands for one session.
        store::session::end_others(tx, person.person, &token_hash).await?;
    }
    store::session::insert(tx, &token_hash, person.person, expires_at).await?;
    let deed = Deed::new("sign_in", format!("person {}", person.email))
        .before(json!({"signed_in": false, "failed_in_a_row": account.failed}))
        .after(json!({"signed_in": true, "failed_in_a_row": 0, "session_expires_at": expires_at}));
    note(tx, &person.email, request, &deed).await?;
    Ok(SignedIn { token, expires_at, must_change_password: person.must_change_password })
}

/// Answers for an address without an account, or with one that is disabled, just as for one with another password. What
/// was typed may be anything, so the log does not repeat it.
async fn refuse_unknown(app: &App, email: &str, password: &str, request: &RequestId) -> Result<Error, Error> {
    let address = kit::secret::hash(&email.trim().to_lowercase());
    let hex: String = address.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let (failed_key, block_key) = (app.redis.key("sign_in_failed", &hex), app.redis.key("sign_in_blocked", &hex));
    let mut redis = app.redis.connection();
    let left_ms = redis.pttl(&block_key).await.map_err(anyhow::Error::from)?;
    let left_ms = match left_ms {
        redis::IntegerReplyOrNoOp::IntegerReply(ms) => ms as i64,
        _ => 0,
    };
    if left_ms > 0 {
        return Ok(Error::SignInBlocked { secs: (left_ms + 999) / 1000 });
    }
    kit::password::verify(password.to_owned(), None).await;
    let failed = redis.incr(&failed_key, 1).await.map_err(anyhow::Error::from)?;
    redis.expire(&failed_key, FORGET_SECS).await.map_err(anyhow::Error::from)?;
    let secs = kit::throttle::block_secs(i32::try_from(failed).unwrap_or(i32::MAX));
    if secs > 0 {
        redis.set_ex(&block_key, 1, secs.unsigned_abs()).await.map_err(anyhow::Error::from)?;
    }
    let mut tx = app.pool.begin().await?;
    let deed = Deed::new("sign_in.refused", "no account")
        .before(json!({"failed_in_a_row": failed.saturating_sub(1)}))
        .after(json!({"failed_in_a_row": failed}));
    note(&mut tx, SOMEBODY, request, &deed).await?;
    tx.commit().await?;
    Ok(Error::SignInRefused)
}

/// Ends a session.
pub async fn sign_out(app: &App, staff: &Staff, token: &str, request: &RequestId) -> Result<(), Error> {
    let mut tx = app.pool.begin().await?;
    store::session::end(&mut tx, &kit::secret::hash(token)).await?;
    let deed = Deed::new("sign_out", format!("person {}", staff.email))
        .before(json!({"signed_in": true}))
        .after(json!({"signed_in": false}));
    note(&mut tx, &staff.email, request, &deed).await?;
    tx.commit().await?;
    Ok(())
}

/// Replaces somebody's own password and ends their other sessions.
///
/// # Errors
/// [`Error::Field`] for `current` or `password`; wrong guesses of `current` count as failed sign-ins.
pub async fn change_password(
    app: &App,
    staff: &Staff,
    token: &str,
    (current, password): (&str, &str),
    request: &RequestId,
) -> Result<(), Error> {
    if let Some(objection) = kit::password::objection(password) {
        return Err(Error::field("password", objection));
    }
    if current == password {
        return Err(Error::field("password", "Choose another one than you have now."));
    }
    let account = store::people::by_email(&app.pool, &staff.email).await?.ok_or(Error::SessionNeeded)?;
    refuse_blocked(account.blocked_until)?;
    // No transaction is open while passwords are worked on.
    let hash = match kit::password::verify(current.to_owned(), Some(account.password_hash.clone())).await {
        true => Some(kit::password::hash(password.to_owned()).await?),
        false => None,
    };
    let mut tx = app.pool.begin().await?;
    let now = store::people::for_update(&mut tx, staff.person).await?.ok_or(Error::SessionNeeded)?;
    refuse_blocked(now.blocked_until)?;
    // Where an admin gave a one-time password meanwhile, that one counts.
    let Some(hash) = hash.filter(|_| now.password_hash == account.password_hash) else {
        count_failure(&mut tx, &now, request).await?;
        tx.commit().await?;
        return Err(Error::field("current", "This is not your password."));
    };
    store::people::set_password(&mut tx, staff.person, &hash, false).await?;
    let ended = store::session::end_others(&mut tx, staff.person, &kit::secret::hash(token)).await?;
    let deed = Deed::new("password.change", format!("person {}", staff.email))
        .before(json!({"one_time": now.person.must_change_password}))
        .after(json!({"one_time": false, "other_sessions_ended": ended}));
    note(&mut tx, &staff.email, request, &deed).await?;
    tx.commit().await?;
    Ok(())
}
