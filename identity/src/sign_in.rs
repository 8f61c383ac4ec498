//! Signing in and out. Guessing is slow, for each address and network, and no answer tells whether
//! an address has an account.

use chrono::{DateTime, TimeDelta, Utc};
use kit::throttle::{Attempt, Guesser};
use sqlx::PgConnection;

use crate::{
    Identity,
    account::{Accounts, Credentials, Failure, Record},
    error::Error,
    http::origin::Origin,
};

/// A fresh session.
pub struct OpenSession {
    /// Shown to its owner only; its hash is stored.
    pub token: String,
    pub expires_at: DateTime<Utc>,
    pub must_change_password: bool,
}

impl<A: Accounts> Identity<A> {
    /// Counts an attempt at the password of an account, which need not be anybody's. Gives the
    /// number in a row. A blocked attempt costs the same time as a wrong password.
    pub(crate) async fn attempt(
        &self,
        guesser: &Guesser<'_>,
        password: &str,
    ) -> Result<i32, Error> {
        match guesser.attempt(&self.0.redis).await? {
            Attempt::Counted { failed } => Ok(failed),
            Attempt::Blocked { secs } => {
                A::count_failure(&self.0.pool, Failure::Blocked, guesser.network, guesser.account)
                    .await;
                // Nobody need have had the time to do this work.
                let looked =
                    self.0.passwords.verify(guesser.network, password.to_owned(), None).await;
                tracing::debug!(worked = looked.is_ok(), "a blocked attempt");
                Err(Error::SignInBlocked { secs })
            }
        }
    }

    /// Opens a session.
    ///
    /// # Errors
    /// [`Error::SignInRefused`], or [`Error::SignInBlocked`] after many failures in a row from this
    /// network, whether or not there is such an account; [`Error::Away`] where they cannot be
    /// counted.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        from: &Origin,
    ) -> Result<OpenSession, Error> {
        let Self(parts, _) = self;
        let email = email.trim();
        let address = email.to_lowercase();
        let guesser = Guesser { door: A::DOOR, account: &address, network: &from.network };
        let failed = self.attempt(&guesser, password).await?;
        let account = A::by_email(&parts.pool, email).await?;
        let account = account.filter(|account| !account.is_disabled);
        // No transaction is open while the password is worked on.
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let is_right =
            guesser.verify(&parts.redis, &parts.passwords, password.to_owned(), hash).await?;
        let mut tx = parts.pool.begin().await?;
        let now = match &account {
            Some(account) => A::locked(&mut tx, account.id).await?,
            None => None,
        };
        let unchanged = now.as_ref().map(|now| &now.password_hash)
            == account.as_ref().map(|account| &account.password_hash);
        let opened = match now.filter(|now| is_right && unchanged && now.is_good(Utc::now())) {
            Some(now) => self.open(&mut tx, &now, failed - 1, from).await?,
            None => {
                tx.rollback().await?;
                A::count_failure(&parts.pool, Failure::SignIn, &from.network, &address).await;
                return Err(Error::SignInRefused);
            }
        };
        tx.commit().await?;
        // The session is open, and a one-time password used up: what is not forgiven is forgotten
        // within the hour.
        if let Err(error) = guesser.forgive(&parts.redis).await {
            tracing::warn!(%error, "failed sign-ins could not be forgiven");
        }
        Ok(opened)
    }

    /// Opens a session for somebody who has just signed up.
    ///
    /// # Errors
    /// [`Error::SignInRefused`] where there is no such account any more; the database's.
    pub async fn sign_in_new(&self, id: A::Id, from: &Origin) -> Result<OpenSession, Error> {
        let mut tx = self.0.pool.begin().await?;
        let account = A::locked(&mut tx, id).await?.ok_or(Error::SignInRefused)?;
        let opened = self.open(&mut tx, &account, 0, from).await?;
        tx.commit().await?;
        Ok(opened)
    }

    async fn open(
        &self,
        tx: &mut PgConnection,
        account: &Credentials<A::Id>,
        failed_in_a_row: i32,
        from: &Origin,
    ) -> Result<OpenSession, Error> {
        let token = kit::secret::generate(A::TOKEN_PREFIX);
        let expires_at = Utc::now() + TimeDelta::seconds(self.0.session_secs);
        let must_change_password = account.one_time.is_some();
        if must_change_password {
            A::use_up(tx, account.id).await?;
        }
        A::open_session(tx, &kit::secret::hash(&token), account.id, expires_at).await?;
        let done = Record::SignedIn { failed_in_a_row, session_expires_at: expires_at };
        A::record(tx, &account.email, done, from).await?;
        Ok(OpenSession { token, expires_at, must_change_password })
    }

    /// Ends the session of a person with this token.
    ///
    /// # Errors
    /// The database's.
    pub async fn sign_out(
        &self,
        person: &A::Person,
        token: &str,
        from: &Origin,
    ) -> Result<(), Error> {
        let mut tx = self.0.pool.begin().await?;
        A::end_session(&mut tx, &kit::secret::hash(token)).await?;
        A::record(&mut tx, A::email(person), Record::SignedOut, from).await?;
        tx.commit().await?;
        Ok(())
    }
}
