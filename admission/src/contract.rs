//! All that other crates may use of admission.

pub use crate::{
    error::PassError,
    gate::{
        GateSettings, GateState, REDEEM_GRACE, claim_until, grant_lasts_ms,
        redis::{
            Activation, ActiveSession, Gate, GateView, Kept, OVERTAKING_MS_MAX, again::SecondGrant,
        },
    },
    head::{HEADS, HEADS_TOPIC, HeadsMoved, LaneHead, ensure_heads_topic},
    lane::{LINE_SETTINGS, admission_group, line_topic},
    pace::{HoldBack, PaceMode, PaceReport, Pacing, left_places::LeftPlaces},
    pass::{
        Pass,
        keys::{PassKeys, PublishedKey, generate_pass_key},
        verifier::PassVerifier,
    },
    place::{InvalidPlaceId, PlaceId, RoomName},
    signal::{
        CallSignal, CheckoutSignal, LineStock, RoomSignal, Signals, StockState, TypeStock,
        WriterSignal, redis::SignalBoard, stock_state,
    },
    store::{gate, gates, open_gates, put_gate},
};
