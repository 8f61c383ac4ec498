//! Emails to fans: the ticket, the refund, the answer from support, the turn that is near; and a
//! mailbox page where a newcomer reads them.
//!
//! Reading order: [`contract`] is what others may use. `email` is what an email says; beneath it
//! `kind`, `translations`, `qr`, `message` and `retry` decide without I/O: which event makes which
//! email, in which words, what it looks like on the wire, when it is tried again; `consumer`
//! turns events into emails to send, `near_turns` those who wait and asked for one,
//! `email_context` looks up who and what, `sender` sends. `mailbox` and `http::pages` show what
//! the local mail server caught.
//!
//! An email is sent once: its id follows from the event, so an event that comes twice finds it, and
//! senders take emails with a lease. Only a sender that dies between the mail server's acceptance
//! and its own note of it (or a server that accepts after we stopped waiting) makes one come twice,
//! with the same Message-ID.

mod app;
mod config;
pub mod contract;
mod email;
mod error;
mod http;
mod mailbox;
mod store;
mod worker;

pub use app::App;
pub use config::Config;
pub use error::Error;
pub use http::pages::mailbox::router;
pub use worker::run;
