//! Letting the first admin in, from a shell of the server.

use identity::password::OneTimePassword;
use kit::{email_address::EmailAddress, http::RequestId};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    audit::{Actor, AuditEntry},
    staff::{Role, StaffId, manage},
    store::{self, audit::record},
};

/// Whom the log names where nobody can be signed in yet.
const SET_UP: &str = "set-up";

/// How somebody gets into the console who has never been there.
pub struct FirstAdmin {
    pub email: String,
    /// Good for one sign-in within a day.
    pub password: String,
}

/// Makes the first admin and gives the one-time password. Where the only admin has not replaced
/// theirs yet, that admin gets another, for the first may be lost; `None` where an admin has chosen
/// a password.
///
/// # Errors
/// The database's, or an address that cannot be one.
pub async fn create_first_admin(pool: &PgPool, email: &str) -> anyhow::Result<Option<FirstAdmin>> {
    let email: EmailAddress =
        email.parse().map_err(|_| anyhow::anyhow!("{email} is not an e-mail address"))?;
    let new = OneTimePassword::fresh().await?;
    let request = RequestId::fresh();
    let mut tx = pool.begin().await?;
    // Two set-ups at once make one admin.
    store::people::be_alone(&mut tx).await?;
    let email = match store::people::first_admins(&mut tx).await?.as_slice() {
        [] => {
            let name = email.local_part();
            let password = (new.hash.as_str(), new.ends_at);
            store::people::insert(
                &mut tx,
                StaffId::from(Uuid::now_v7()),
                email.as_str(),
                name,
                Role::Admin,
                password,
            )
            .await?;
            let entry = AuditEntry::new("person.add", format!("person {email}"))
                .after(json!({"role": Role::Admin}));
            record(&mut tx, Actor::at_shell(SET_UP), &request, &entry).await?;
            email.to_string()
        }
        [only] if only.must_change_password => {
            manage::replace(&mut tx, only, &new, Actor::at_shell(SET_UP), &request).await?;
            only.email.clone()
        }
        _ => return Ok(None),
    };
    tx.commit().await?;
    Ok(Some(FirstAdmin { email, password: new.password }))
}
