//! All that other crates may use of admin.

pub use crate::{
    room::settings::change_at_shell as change_room,
    staff::first_admin::{FirstAdmin, create_first_admin},
    store::support::answer,
    support::{Answer, SUPPORT_EVENTS, SUPPORT_TOPIC, SupportEvent, SupportRequestId},
};
