//! What a process can be.

use clap::ValueEnum;
use kit::{
    public_url::PublicUrl,
    settings::{Env, Settings},
};

/// What a process can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Shows and their pages.
    Catalog,
    /// Joining, waiting, claiming.
    Waitroom,
    /// Moves the heads.
    Admission,
    /// Sessions, holds, orders, tickets.
    Checkout,
    /// Commits orders to Postgres.
    Writer,
    /// Resellers' pages and API.
    Portal,
    /// The console of operators and admins.
    Admin,
    /// Fans' questions about their orders.
    Support,
    /// Letters to fans.
    Notifications,
    /// A payment provider to try things with; only where it is asked for.
    Sandbox,
}

/// What a process is that was not told what to be.
pub const USUAL: [Role; 9] = [
    Role::Catalog,
    Role::Waitroom,
    Role::Admission,
    Role::Checkout,
    Role::Writer,
    Role::Portal,
    Role::Admin,
    Role::Support,
    Role::Notifications,
];

/// The roles of a process: those that are named, or the usual ones; and the sandbox where
/// `FAIRGATE_SANDBOX` asks for it. No real system has a provider that takes no money because nobody
/// said otherwise.
pub fn roles(settings: &mut Settings, named: &[Role]) -> Vec<Role> {
    let mut roles = if named.is_empty() { USUAL.to_vec() } else { named.to_vec() };
    if settings.or("FAIRGATE_SANDBOX", false) && !roles.contains(&Role::Sandbox) {
        roles.push(Role::Sandbox);
    }
    roles
}

impl Role {
    /// Whether it is part of checkout, or of what lets fans into it.
    fn is_inside(self) -> bool {
        matches!(self, Self::Admission | Self::Checkout | Self::Writer | Self::Sandbox)
    }
}

/// Whether a process of these roles has a crowd outside and a checkout inside.
pub fn are_both(roles: &[Role]) -> bool {
    roles.iter().any(|role| role.is_inside()) && roles.iter().any(|role| !role.is_inside())
}

/// What is said at start of orders that nobody can pay, if so.
pub fn no_provider(roles: &[Role], env: &dyn Env, public: &PublicUrl) -> Option<String> {
    let sells = roles.contains(&Role::Checkout);
    let is_known = roles.contains(&Role::Sandbox) || env.get("FAIRGATE_PAYMENT_URL").is_some();
    (sells && !is_known).then(|| {
        format!(
            "no payment provider is configured: orders can be placed, but not paid, and run out, \
                unless one answers at \
             {public}. Set FAIRGATE_PAYMENT_URL, or FAIRGATE_SANDBOX=true for the one that takes \
             no money"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_sandbox_runs_only_where_it_is_asked_for() {
        let asked = |named: &[Role], sandbox: &str| {
            let env = HashMap::from([("FAIRGATE_SANDBOX".to_owned(), sandbox.to_owned())]);
            let mut settings = Settings::new(&env);
            let roles = roles(&mut settings, named);
            settings.finish().map(|()| roles.contains(&Role::Sandbox)).ok()
        };
        assert_eq!(
            (asked(&[], ""), asked(&[], "false"), asked(&[], "true")),
            (Some(false), Some(false), Some(true))
        );
        assert_eq!(
            (asked(&[Role::Checkout], ""), asked(&[Role::Sandbox], "")),
            (Some(false), Some(true))
        );
        assert_eq!(asked(&[], "maybe"), None);
    }

    #[test]
    fn a_process_that_is_one_side_alone_has_all_connections_for_it() {
        assert!(are_both(&USUAL));
        assert!(!are_both(&[Role::Checkout, Role::Writer]) && !are_both(&[Role::Waitroom]));
    }

    #[test]
    fn a_checkout_without_a_payment_provider_says_so() {
        let said = |roles: &[Role], url: &str| {
            let env = HashMap::from([("FAIRGATE_PAYMENT_URL".to_owned(), url.to_owned())]);
            no_provider(roles, &env, &"https://tickets.example".parse().expect("an address"))
        };
        assert!(said(&USUAL, "").expect("said").contains("FAIRGATE_PAYMENT_URL"));
        assert_eq!(said(&USUAL, "https://pay.example"), None);
        assert_eq!(said(&[Role::Checkout, Role::Sandbox], ""), None);
        assert_eq!(said(&[Role::Waitroom], ""), None);
    }
}
