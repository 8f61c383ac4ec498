//! What stands around every page of somebody who is signed in.

use crate::{account::Accounts, http::session::Session};

/// A part of the pages: its path and its words.
pub type Link = (&'static str, &'static str);

/// Who is signed in, where they are, and what the button for signing out needs.
pub struct Frame {
    /// Whom the page names as signed in.
    pub name: String,
    pub csrf: String,
    /// The part of the pages that the navigation marks, by its path.
    pub here: &'static str,
    links: &'static [Link],
}

impl Frame {
    pub fn new<A: Accounts, L>(
        session: &Session<A, L>,
        name: impl Into<String>,
        here: &'static str,
        links: &'static [Link],
    ) -> Self {
        Self { name: name.into(), csrf: session.csrf(), here, links }
    }

    /// The navigation.
    pub fn links(&self) -> &'static [Link] {
        self.links
    }
}
