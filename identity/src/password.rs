//! Choosing a password, being asked for it again, and one-time passwords.

use chrono::{DateTime, TimeDelta, Utc};
use kit::throttle::Guesser;

use crate::{
    Identity,
    account::{Accounts, Credentials, Failure, Record},
    error::Error,
    http::origin::Origin,
};

/// How long a one-time password is good, unless it is used before.
const ONE_TIME_HOURS: i64 = 24;

/// A password to hand to somebody once; only its hash is stored.
pub struct OneTimePassword {
    pub password: String,
    pub hash: String,
    pub ends_at: DateTime<Utc>,
}

impl OneTimePassword {
    /// # Errors
    /// No randomness, or the process is ending.
    pub async fn fresh() -> anyhow::Result<Self> {
        let password = kit::password::generate();
        let hash = kit::password::hash(password.clone()).await?;
        Ok(Self { password, hash, ends_at: Utc::now() + TimeDelta::hours(ONE_TIME_HOURS) })
    }
}

impl<A: Accounts> Identity<A> {
    /// The password of somebody new as it is stored.
    ///
    /// # Errors
    /// [`Error::Away`] where nobody had time for it.
    pub async fn hash(&self, password: String, from: &Origin) -> Result<String, Error> {
        Ok(self.0.passwords.hash(&from.network, password).await?)
    }

    /// Replaces somebody's own password and ends their other sessions. Whoever has a one-time
    /// password need not repeat it as `current`: it opened this session and nothing else.
    ///
    /// # Errors
    /// [`Error::NewPasswordRefused`]; [`Error::CurrentPasswordWrong`] and
    /// [`Error::SignInBlocked`]: wrong guesses of `current` count as failed sign-ins;
    /// [`Error::SessionNeeded`] where the account changed meanwhile.
    pub async fn change_password(
        &self,
        person: &A::Person,
        token: &str,
        (current, new): (&str, &str),
        from: &Origin,
    ) -> Result<(), Error> {
        if let Some(objection) = kit::password::objection(new) {
            return Err(Error::NewPasswordRefused(objection));
        }
        let Self(parts, _) = self;
        let id = A::id(person);
        let account = A::by_id(&parts.pool, id).await?.ok_or(Error::SessionNeeded)?;
        if account.one_time.is_none() {
            self.confirm(&account, current, from).await?;
        }
        // No transaction is open while passwords are worked on.
        let known = Some(account.password_hash.clone());
        if parts.passwords.verify(&from.network, new.to_owned(), known).await? {
            return Err(Error::NewPasswordRefused("Choose another one than you have now."));
        }
        let hash = parts.passwords.hash(&from.network, new.to_owned()).await?;
        let mut tx = parts.pool.begin().await?;
        let now = A::locked(&mut tx, id).await?.ok_or(Error::SessionNeeded)?;
        // Where somebody gave a one-time password or disabled the account meanwhile, the sessions
        // were ended and that counts.
        if now.password_hash != account.password_hash || now.is_disabled {
            return Err(Error::SessionNeeded);
        }
        A::set_password(&mut tx, id, &hash).await?;
        let other_sessions_ended = A::end_others(&mut tx, id, &kit::secret::hash(token)).await?;
        let done =
            Record::PasswordChanged { was_one_time: now.one_time.is_some(), other_sessions_ended };
        A::record(&mut tx, &now.email, done, from).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether it is the owner who sits before an open session, before something that would outlast
    /// it.
    ///
    /// # Errors
    /// [`Error::CurrentPasswordWrong`] and [`Error::SignInBlocked`]: wrong guesses count as failed
    /// sign-ins.
    pub async fn confirm_own(
        &self,
        person: &A::Person,
        current: &str,
        from: &Origin,
    ) -> Result<(), Error> {
        let account = A::by_id(&self.0.pool, A::id(person)).await?.ok_or(Error::SessionNeeded)?;
        self.confirm(&account, current, from).await
    }

    async fn confirm(
        &self,
        account: &Credentials<A::Id>,
        current: &str,
        from: &Origin,
    ) -> Result<(), Error> {
        let Self(parts, _) = self;
        let address = account.email.to_lowercase();
        let guesser = Guesser { door: A::DOOR, account: &address, network: &from.network };
        self.attempt(&guesser, current).await?;
        let hash = Some(account.password_hash.clone());
        if guesser.verify(&parts.redis, &parts.passwords, current.to_owned(), hash).await? {
            return Ok(guesser.forgive(&parts.redis).await?);
        }
        A::count_failure(&parts.pool, Failure::Password, &from.network, &address).await;
        Err(Error::CurrentPasswordWrong)
    }
}
