//! What stands around every page of somebody who is signed in.

use std::ops::Deref;

use identity::page::Link;

use crate::http::session::Session;

/// The navigation of those whose company may sell; others have none.
const LINKS: &[Link] = &[
    ("/portal", "Overview"),
    ("/portal/shows", "Shows"),
    ("/portal/venues", "Venues"),
    ("/portal/orders", "Orders"),
    ("/portal/sales", "Sales"),
    ("/portal/keys", "API keys"),
];

/// Named after the company.
pub struct Frame(identity::page::Frame);

impl Frame {
    pub fn new<L>(session: &Session<L>, here: &'static str) -> Self {
        let member = &session.person;
        let links = if member.state.may_sell() { LINKS } else { &[] };
        Self(identity::page::Frame::new(session, member.company.as_str(), here, links))
    }
}

impl Deref for Frame {
    type Target = identity::page::Frame;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
