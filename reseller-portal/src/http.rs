//! Both faces of the portal: [`pages`] for people, [`api`] for programs. [`session`] tells the
//! pages who is signed in; [`address`] reads the ids in addresses.

pub mod address;
pub mod api;
pub mod pages;
pub mod session;
