//! `fairgate first-admin`: how the first person gets into the console.

use clap::Args;

use crate::{put, say, settings::Stores};

#[derive(Args)]
pub struct FirstAdminArgs {
    /// The e-mail address to sign in with.
    #[arg(long, default_value = "admin@fairgate.example")]
    email: String,
}

/// Prints `email<TAB>password` where there was no admin, and nothing on standard output where there is one.
pub async fn first_admin(args: FirstAdminArgs) -> anyhow::Result<()> {
    let stores = Stores::from_env()?;
    match admin::contract::create_first_admin(&stores.pool, &args.email).await? {
        Some(password) => put(&format!("{}\t{password}", args.email)),
        None => say("there is an admin already; another is made in the console, under People"),
    }
    Ok(())
}
