//! All that other crates may use of the waiting room: making rooms and changing them.

pub use crate::{
    head::HeadDocument,
    http::api::{PassBody, TicketBody},
    line::{LineEntry, agent::Agent},
    place::{PlaceClaims, ahead, standing::PlaceBody, wait::wait_secs},
    room::{
        NewRoom, RoomState,
        change::{Changed, RoomChange, RoomError, changed},
        phase::Phase,
        room_admin::{change_room, change_room_in, create_room, room, rooms},
    },
    store::room_of_show,
};
