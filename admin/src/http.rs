//! The two doors to the console: [`pages`] for people, [`api`] for programs. [`session`] tells both
//! who a request is from. [`address`] reads the ids in
//! addresses.

pub mod address;
pub mod api;
pub mod pages;
pub mod session;
