//! A room: one protected sale.

pub mod live;
pub mod phase;
pub mod room_admin;
pub mod schedule;
