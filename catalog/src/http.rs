//! What is served: the API for programs, pages for people.

pub mod api;
pub mod cached;
pub mod pages;
