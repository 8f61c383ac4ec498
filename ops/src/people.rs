//! `fairgate first-admin`: how the first person gets into the console.

use clap::Args;

use crate::{print_result, print_status, settings::Stores};

#[derive(Args)]
pub struct FirstAdminArgs {
    /// The e-mail address to sign in with.
    #[arg(long, default_value = "admin@fairgate.example")]
    email: String,
}

/// Prints `email<TAB>password` where no admin has chosen a password yet, and nothing on standard
/// output where one has.
pub async fn first_admin(args: FirstAdminArgs) -> anyhow::Result<()> {
    let stores = Stores::from_env()?;
    match admin::contract::create_first_admin(&stores.pool, &args.email).await? {
        Some(first) => print_result(&format!("{}\t{}", first.email, first.password)),
        None => {
            print_status("there is an admin already; another is made in the console, under People")
        }
    }
    Ok(())
}
