//! Who may see what, of those who are signed in.

use identity::{Access, Denied, NoFields};

use crate::{
    account::{Member, members::Members},
    error::Error,
    reseller::ResellerState,
};

/// Somebody looking at a page.
pub type Session<L> = identity::Session<Members, L>;
/// A form sent from a page of the session's own.
pub type Posted<L, T = NoFields> = identity::Posted<Members, L, T>;
/// Somebody who is not signed in.
pub type Visitor = identity::Visitor<Members>;
/// The form of somebody who is not signed in.
pub type VisitorForm<T> = identity::VisitorForm<Members, T>;

/// Whoever is signed in, whatever was decided about their company.
pub struct SignedIn;
impl Access<Members> for SignedIn {}

/// Whose company may sell. Others are shown what was decided about theirs.
pub struct Approved;
impl Access<Members> for Approved {
    fn check(member: &Member) -> Result<(), Denied<Error>> {
        match member.state {
            ResellerState::Approved => Ok(()),
            _ => Err(Denied::Elsewhere("/portal/waiting")),
        }
    }
}
