//! Rooms as the console sees and changes them. [`figures`] and [`preview`] decide without I/O what
//! is told about a room and what a change would do to those who wait; [`count`] and [`sampler`]
//! look at rooms, [`live`] tells everybody who watches, and [`settings`] changes them.

pub mod count;
pub mod figures;
pub mod live;
pub mod preview;
pub mod sampler;
pub mod settings;
