//! What checkout tells the rooms' controllers: how its calls go, whether passes are redeemed, how
//! far the order writer is, what is left.
//!
//! [`calls`] remembers the calls of the last moments, [`writer_clock`] what the order writer is at.
//! [`room_words`] says both of a room that is busy, with its stock ([`line_stock`]); [`probe`] says
//! whether passes are redeemed, after trying. [`stock_words`] tells the catalog what is left.

pub mod calls;
pub mod line_stock;
pub mod probe;
pub mod room_words;
pub mod sliding;
pub mod stock_words;
pub mod writer_clock;
