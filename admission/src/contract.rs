//! All that other crates may use of admission.

pub use crate::{
    draw::{
        InvalidLanePlace, LanePlace, LaneTurn,
        cohort::{COHORT_MAX, Cohort, CohortError, LANES_MAX},
        drawn::Draw,
        entropy::{
            ENTROPY_BYTES_MAX, Entropy, EntropyError, EntropySource,
            drand::{BeaconError, DrandBeacon, DrandChain, QUICKNET},
        },
        hex_bytes::{Digest32, HexBytes, InvalidHex, Nonce},
        key::{DrawKey, KeyError},
        merkle::{
            InvalidTree, MerkleTree,
            consistency::{SizedRoot, check as check_consistency, prove as prove_consistency},
            inclusion::{check as check_inclusion, prove as prove_inclusion},
            leaf_hash, root as merkle_root,
        },
        receipt::{Receipt, ReceiptError},
        receipt_batch::{RECEIPTS_MAX, sign_together},
        record::LaneRecord,
        seed::{Commitment, Seed},
        shuffle::Shuffle,
        transcript::{
            CLOCKS_APART_MS_MAX, DrawError, DrawTranscript, LineMethod, PublishedHead,
            PublishedRoot, TRANSCRIPT_VERSION, Transcript,
            check::check as check_transcript,
            evidence::{RecordProof, check_place, check_receipt, check_roots},
            finding::Finding,
        },
    },
    error::PassError,
    gate::{
        GateSettings, GateState, REDEEM_GRACE, claim_until, grant_lasts_ms,
        redis::{
            Activation, ActiveSession, Gate, GateView, Kept, OVERTAKING_MS_MAX,
            again::SecondGrant,
            direct::{DirectPass, Straight},
        },
    },
    head::{
        HEADS, HEADS_TOPIC, HeadsMoved, LaneHead, ensure_heads_topic,
        snapshot::{HeadsSnapshot, SNAPSHOTS},
    },
    lane::{
        LINE_SETTINGS, admission_group,
        lease::{ADMISSION_GROUP, LANES_A_LEASE, LEASES},
        line_at::LineAt,
        line_topic,
        turns::LaneTurns,
    },
    pace::{HoldBack, PaceMode, PaceReport, Pacing, left_places::LeftPlaces},
    pass::{
        Pass,
        keys::{PassKeys, PublishedKey, generate_pass_key},
        verifier::PassVerifier,
    },
    place::{DIRECT_LANE, InvalidPlaceId, PlaceId, RoomName},
    signal::{
        CallSignal, CheckoutSignal, LineStock, OrderFlow, RoomSignal, Signals, StockState,
        TypeStock, WriterSignal, redis::SignalBoard, stock_state,
    },
    store::{gate, gates, open_gates, put_gate},
};
