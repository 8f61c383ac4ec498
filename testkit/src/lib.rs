//! What tests of every crate need, written once. Production crates never depend on it.
//!
//! A test asks for a [`TestEnv`]: a database, a key prefix and topics of its own, so that tests run
//! side by side. [`ShowBuilder`], [`RoomBuilder`], [`OrderBuilder`] and [`ResellerBuilder`] put
//! into it what the test is about, [`TestLine`] people who wait; all they do goes through the
//! contracts and calls of the crate that owns the tables. A [`Client`] calls a router, or a server
//! at a [`Port`], and reads [`Reply`]s. [`eventually`] waits for what happens in the background,
//! [`id`] reads the ids that tests write as text. What only one crate's tests need stands in their
//! fixtures.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod checkout_builder;
mod client;
mod console;
mod door;
mod env;
mod line;
mod order;
mod reply;
mod reseller;
mod room;
mod server;
mod show;
mod snapshot;
mod wait;

use std::{fmt::Debug, str::FromStr};

pub use checkout_builder::{Checkout, CheckoutBuilder, Refunds, items};
pub use client::{Call, Client};
pub use console::{Console, SupportAnswer};
pub use door::OpenDoor;
pub use env::TestEnv;
pub use line::TestLine;
pub use order::{OrderBuilder, TestOrder};
pub use reply::Reply;
pub use reseller::ResellerBuilder;
pub use room::{Passes, RoomBuilder};
pub use server::Port;
pub use show::ShowBuilder;
pub use snapshot::volatile;
pub use wait::eventually;

/// An id, a name or a currency that a test writes as text.
///
/// # Panics
/// Where it is none.
pub fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("an id")
}
