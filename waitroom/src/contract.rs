//! All that other crates may use of the waiting room: making rooms and changing them, what their
//! draws wait for, and the mails that its fans asked for.

pub use crate::{
    draw::{
        DrawBody,
        enter::{EntropyFixed, enter_entropy_in},
        entering::{DrandEntry, EnteringError, EntropyEntry},
    },
    head::HeadDocument,
    http::api::{
        place::{LinkBody, PassBody},
        ticket::TicketBody,
    },
    line::{LineEntry, agent::Agent},
    place::{
        PlaceClaims, ahead,
        chance::{Chance, Odds, Sale, TypeOdds},
        forecast::{Forecast, Measured, Slots, wait_secs},
        poll::{asks_place, next_look_ms, spread_ms},
        standing::{PlaceBody, PlaceState},
        wait::{WaitCurve, WaitPoint, WaitRange, WaitSay},
    },
    room::{
        NewRoom, RoomState,
        change::{Changed, RoomChange, RoomError, changed},
        joins_at,
        phase::Phase,
        room_admin::{change_room, change_room_in, create_room, room, rooms},
        sleep::{Sleep, WAKE_PER_SEC},
    },
    store::{
        room_of_show,
        turn_mail::{forget_turn_mail, near_turns, note_heard},
    },
    transcript::RootsBody,
    turn_mail::{
        keys::TurnMailKeys,
        letter::{TurnLetter, turn_letter},
    },
};
