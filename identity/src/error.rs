//! Everything that can keep somebody out. Each kind of account has its own words and problem ids
//! for it.

use kit::{password::Busy, problem::Problem};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("nobody is signed in")]
    SessionNeeded,
    #[error("the one-time password was not replaced yet")]
    PasswordChangeNeeded,
    #[error("the address or the password is not right")]
    SignInRefused,
    /// No password is looked at for so long.
    #[error("too many failed sign-ins")]
    SignInBlocked { secs: i64 },
    #[error("the form was not of this session")]
    FormForeign,
    #[error("the password in use was not given")]
    CurrentPasswordWrong,
    /// What is wrong with a new password.
    #[error("the new password is refused: {0}")]
    NewPasswordRefused(&'static str),
    /// The body is no form.
    #[error("{}", .0.title)]
    Form(Box<Problem>),
    #[error(transparent)]
    Store(#[from] sqlx::Error),
    /// Something we depend on is away, or nobody had time to look at a password.
    #[error("{0:#}")]
    Away(anyhow::Error),
    #[error("{0:#}")]
    Internal(anyhow::Error),
}

impl From<anyhow::Error> for Error {
    /// A password that nobody had time to look at is no mistake of ours.
    fn from(error: anyhow::Error) -> Self {
        if error.is::<Busy>() { Self::Away(error) } else { Self::Internal(error) }
    }
}

impl From<Busy> for Error {
    fn from(busy: Busy) -> Self {
        Self::Away(busy.into())
    }
}

impl From<redis::RedisError> for Error {
    fn from(error: redis::RedisError) -> Self {
        Self::Away(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_at_the_door_is_no_mistake_of_ours() {
        for error in [Error::from(Busy), Error::from(anyhow::Error::from(Busy))] {
            assert!(matches!(error, Error::Away(_)), "{error:?}");
        }
        let error = Error::from(anyhow::anyhow!("no randomness"));
        assert!(matches!(error, Error::Internal(_)), "{error:?}");
    }
}
