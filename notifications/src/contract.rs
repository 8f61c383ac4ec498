//! All that other crates may use of notifications.

pub use crate::{
    email::{consumer::GROUPS, queue::GivenUpEmail},
    store::email::{given_up, retry_given_up},
};
