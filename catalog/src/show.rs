//! A show.

pub mod slug;
