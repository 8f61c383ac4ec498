//! Who a request is from, and the forms it sends.
//!
//! Pages carry the session in a cookie, and every form repeats a token that only that session's
//! pages know; programs carry it in `Authorization: Bearer`, which no other site can make a browser
//! send. [`Posted`] and [`VisitorForm`] are the only ways to read a form, so no handler can forget
//! to check its token.

pub mod origin;
pub mod session;
pub mod tied_form;
pub mod visitor;

pub use origin::Origin;
pub use session::{Access, Caller, Denied, Posted, Session};
pub use tied_form::{Fields, NoFields, NotANumber};
pub use visitor::{Visitor, VisitorForm};
