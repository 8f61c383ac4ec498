//! Both faces of the portal: [`pages`] for people, [`api`] for programs. [`session`] tells the
//! pages who is signed in.

pub mod api;
pub mod pages;
pub mod session;
