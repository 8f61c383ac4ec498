//! What is served: the published keys.

pub mod api;
