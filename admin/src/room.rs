//! Rooms as the console sees and changes them.
//!
//! Reading order: [`mod@line`] is what controllers told, [`history`] what was seen over ten
//! minutes, [`measures`] what was measured. Of them follow, without I/O, [`outlook`], [`alarm`],
//! [`health`] and, all together, [`figures`]; [`draw`] is how far a draw is, [`method`] what can
//! be chosen of it; [`preview`] says what a change would do, all of them
//! in [`words`]. [`count`], [`show_name`], [`sales`] and [`sampler`] look, [`live`] tells
//! everybody who watches, and [`settings`] changes rooms.

pub mod alarm;
pub mod count;
pub mod draw;
pub mod figures;
#[cfg(test)]
pub mod fixtures;
pub mod health;
pub mod history;
pub mod line;
pub mod live;
pub mod measures;
pub mod method;
pub mod outlook;
pub mod preview;
pub mod sales;
pub mod sampler;
pub mod settings;
pub mod show_name;
pub mod words;
