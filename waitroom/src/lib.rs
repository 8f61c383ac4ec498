//! The line: joining, waiting, and exchanging a place for a pass. The waiting room keeps nothing
//! per fan, but the addresses of those who want a mail near their turn, until it was sent.
//!
//! Reading order: [`contract`] is what others may use; `room` is a protected sale: its `phase`,
//! what every instance keeps of it (`live`), how operators make and change it (`room_admin`), and
//! what it does when the catalog or the clock says (`schedule`); `line` is joining, by fans and by
//! shops for them; `draw` orders those who came before the opening; `head` is how far the line got;
//! `place` is a fan's place and the wait for it;
//! `claim` exchanges it for a pass; `transcript` is what everybody can check; `turn_mail` is a mail
//! near the turn, for who asked for one; `http` is what fans call and see.
pub mod config;
pub mod contract;
pub mod error;

mod app;
mod claim;
mod draw;
mod head;
mod http;
mod line;
mod place;
mod room;
mod store;
mod transcript;
mod turn_mail;
mod worker;

pub use app::App;
pub use config::Config;
pub use http::router;
pub use worker::run;
