//! Who may call what, of those who signed in.

use identity::{Access, Denied};

use crate::{
    error::Error,
    staff::{Role, Staff, accounts::StaffAccounts},
};

/// Somebody looking at a page.
pub type Session<L> = identity::Session<StaffAccounts, L>;
/// A form sent from a page of the session's own.
pub type Posted<L> = identity::Posted<StaffAccounts, L>;
/// A program that acts for somebody.
pub type Caller<L> = identity::Caller<StaffAccounts, L>;

/// Operators and admins.
pub struct Anyone;
impl Access<StaffAccounts> for Anyone {}

/// Admins only.
pub struct Admins;
impl Access<StaffAccounts> for Admins {
    fn check(staff: &Staff) -> Result<(), Denied<Error>> {
        match staff.role {
            Role::Admin => Ok(()),
            Role::Operator => Err(Denied::Error(Error::RoleMissing)),
        }
    }
}

/// Operators and admins, before they chose a password of their own, too.
pub struct Newcomers;
impl Access<StaffAccounts> for Newcomers {
    const BEFORE_PASSWORD: bool = true;
}
