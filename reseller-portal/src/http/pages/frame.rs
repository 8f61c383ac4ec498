//! What stands around every page of somebody who is signed in.

use crate::http::session::Session;

/// The company's name, where the reader is, and what the button for signing out needs.
pub struct Frame {
    pub company: String,
    pub csrf: String,
    /// The part of the portal that the navigation marks.
    pub here: &'static str,
    pub approved: bool,
}

impl Frame {
    pub fn new<L>(session: &Session<L>, here: &'static str) -> Self {
        Self {
            company: session.person.company.clone(),
            csrf: session.csrf(),
            here,
            approved: session.person.state == crate::reseller::ResellerState::Approved,
        }
    }

    /// The navigation: path and words.
    pub fn links(&self) -> &'static [(&'static str, &'static str)] {
        if self.approved {
            &[
                ("/portal", "Overview"),
                ("/portal/shows", "Shows"),
                ("/portal/venues", "Venues"),
                ("/portal/orders", "Orders"),
                ("/portal/sales", "Sales"),
                ("/portal/keys", "API keys"),
            ]
        } else {
            &[]
        }
    }
}
