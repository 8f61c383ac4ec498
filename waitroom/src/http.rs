//! What is served: the API for programs, the queue page for people.

pub mod api;
pub mod pages;
