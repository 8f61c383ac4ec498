//! The pages: the local mailbox.

pub mod mailbox;
