//! All that other crates may use of admission.

pub use crate::{
    error::PassError,
    gate::{
        GateSettings, GateState, REDEEM_GRACE, claim_until, grant_until,
        redis::{Activation, ActiveSession, Gate, GateView, OVERTAKING_MS_MAX},
    },
    head::{HEADS, HEADS_TOPIC, HeadsMoved, LaneHead, ensure_heads_topic},
    lane::{LINE_SETTINGS, admission_group, line_topic},
    pass::{
        Pass,
        keys::{PassKeys, PublishedKey, generate_pass_key},
        verifier::PassVerifier,
    },
    place::{InvalidPlaceId, PlaceId, RoomName},
    store::{gate, gates, open_gates, put_gate},
};
