//! Signing up: a company and its first user.

use identity::Origin;

use crate::{
    App,
    account::{MemberId, SignUp},
    error::Error,
    store::account::{self, NewAccount},
};

/// Why nobody was signed up.
pub enum SignUpError {
    Field(&'static str, &'static str),
    Other(Error),
}

/// Writes the account and gives its first user.
///
/// # Errors
/// A name or address that somebody has already, or the database's.
pub async fn sign_up(app: &App, form: &SignUp, from: &Origin) -> Result<MemberId, SignUpError> {
    let hash = app
        .identity
        .hash(form.password.clone(), from)
        .await
        .map_err(|error| SignUpError::Other(error.into()))?;
    let account = NewAccount {
        company: &form.company,
        about: &form.about,
        name: &form.name,
        email: &form.email,
        password_hash: &hash,
    };
    account::create(&app.pool, &account).await.map_err(|error| {
        match error.as_database_error().and_then(|fault| fault.constraint()) {
            Some("resellers_name_once") => SignUpError::Field(
                "company",
                "A company of that name has an account already. Ask whoever made it.",
            ),
            Some("users_email_once") => SignUpError::Field(
                "email",
                "There is an account with that address. Sign in instead.",
            ),
            _ => SignUpError::Other(error.into()),
        }
    })
}
