//! Letters to fans: the ticket, the refund, the answer from support; and a mailbox page where a
//! newcomer reads them.
//!
//! Reading order: [`contract`] is what others may use. `kind`, `letter`, `words`, `qr`, `message`
//! and `retry` decide without I/O: which event makes which letter, what it says, what it looks like
//! on the wire, when it is tried again. `events` turns events into letters to send, `occasion`
//! looks up who and what, `sender` sends. `mailbox` and `pages` show what the local mail server
//! caught.
//!
//! A letter is sent once: its id follows from the event, so an event that comes twice finds it, and
//! senders take letters with a lease. Only a sender that dies between the mail server's acceptance
//! and its own note of it (or a server that accepts after we stopped waiting) makes one come twice,
//! with the same Message-ID.

mod app;
mod config;
pub mod contract;
mod error;

mod kind;
mod letter;
mod message;
mod qr;
mod retry;
mod words;

mod events;
mod mailbox;
mod occasion;
mod pages;
mod sender;
mod store;

pub use app::App;
pub use config::Config;
pub use error::Error;
use kit::{kafka::Kafka, serve::Tasks};
pub use pages::router;

/// Turns events into letters and sends them until the process ends.
pub fn run(app: &App, kafka: &Kafka, tasks: &Tasks) {
    events::start(app, kafka, tasks);
    sender::start(app, tasks);
}
