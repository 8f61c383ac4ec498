//! What people see.

pub mod home;
pub mod json_ld;
pub mod show;
