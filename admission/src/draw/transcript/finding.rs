//! What can be wrong, each with a name that verifiers in all languages share.

use crate::draw::{
    LanePlace, LaneTurn, entropy::EntropyError, receipt::ReceiptError, record::LaneRecord,
    transcript::DrawError,
};

/// Something that is wrong with a transcript, or contradicts it. `Display` is a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error("version {0} of the transcript is not known")]
    VersionUnknown(u32),
    #[error("the transcript's method and its draw do not fit")]
    MethodDisagrees,
    #[error("the seed is not the one that was committed to")]
    SeedNotCommitted,
    #[error("the entropy does not come from the source that was announced")]
    EntropyNotAsAnnounced,
    #[error("{0}")]
    EntropyInvalid(EntropyError),
    #[error("the entropy was there before entries closed")]
    EntropyTooEarly,
    #[error("drand's round {round} was taken where {expected} is the first after entries closed")]
    RoundChosen { round: u64, expected: u64 },
    #[error("{later} is before {earlier}")]
    TimesOutOfOrder { earlier: &'static str, later: &'static str },
    #[error("{0}")]
    CohortInvalid(DrawError),
    #[error("the cohort's ends and roots of lane {lane} disagree")]
    CohortDisagrees { lane: u32 },
    #[error("there is no lane {lane}")]
    LaneUnknown { lane: u32 },
    #[error("a root of lane {lane} over {size} records was published after one over more")]
    RootGoesBack { lane: u32, size: u64 },
    #[error("lane {lane} has two different roots over {size} records")]
    RootsDiffer { lane: u32, size: u64 },
    #[error("lane {lane} had {size} records before entries closed, and only {end} took part")]
    CohortCutShort { lane: u32, size: u64, end: u64 },
    #[error("the head of lane {lane} went back to {head}")]
    HeadGoesBack { lane: u32, head: u64 },
    #[error("the head of lane {lane} moved to {head} before the opening")]
    HeadTooEarly { lane: u32, head: u64 },
    #[error("the head of lane {lane} is {head}, and there are only {turns} turns")]
    HeadBeyond { lane: u32, head: u64, turns: u64 },
    #[error("the turn of place {place} is {drawn}, not {claimed}")]
    TurnDiffers { place: LanePlace, claimed: LaneTurn, drawn: LaneTurn },
    #[error("the receipt is none of the room's: {0}")]
    ReceiptInvalid(ReceiptError),
    #[error("the receipt is of another room")]
    ReceiptOfAnotherRoom,
    #[error("place {place} has a receipt, and a later root of its lane is over {size} records")]
    ReceiptBeyondRoot { place: LanePlace, size: u64 },
    #[error("place {place} has a receipt, and another record in its place: {record:?}")]
    ReceiptContradicted { place: LanePlace, record: LaneRecord },
    #[error("no root of lane {lane} over {size} records was published")]
    RootUnknown { lane: u32, size: u64 },
    #[error("the proof of place {place} does not lead to the published root")]
    ProofFails { place: LanePlace },
    #[error("place {place} was joined before the commitment was published")]
    JoinedBeforeCommitment { place: LanePlace },
    #[error("place {place} takes part, and was joined after entries closed")]
    JoinedAfterFreeze { place: LanePlace },
    #[error("place {place} does not take part, and was joined before entries closed")]
    LeftOutOfCohort { place: LanePlace },
    #[error("lane {lane} has no record {offset}: {found} stands there")]
    RecordMissing { lane: u32, offset: u64, found: u64 },
    #[error("the records of lane {lane} do not make its root over {size} records")]
    RecordsChanged { lane: u32, size: u64 },
    #[error("lane {lane} has {records} records, and a root over {size}")]
    RecordsEndEarly { lane: u32, size: u64, records: u64 },
}

impl Finding {
    /// The name under which `docs/draw.md` explains it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::VersionUnknown(_) => "version_unknown",
            Self::MethodDisagrees => "method_disagrees",
            Self::SeedNotCommitted => "seed_not_committed",
            Self::EntropyNotAsAnnounced => "entropy_not_as_announced",
            Self::EntropyInvalid(_) => "entropy_invalid",
            Self::EntropyTooEarly => "entropy_too_early",
            Self::RoundChosen { .. } => "round_chosen",
            Self::TimesOutOfOrder { .. } => "times_out_of_order",
            Self::CohortInvalid(_) => "cohort_invalid",
            Self::CohortDisagrees { .. } => "cohort_disagrees",
            Self::LaneUnknown { .. } => "lane_unknown",
            Self::RootGoesBack { .. } => "root_goes_back",
            Self::RootsDiffer { .. } => "roots_differ",
            Self::CohortCutShort { .. } => "cohort_cut_short",
            Self::HeadGoesBack { .. } => "head_goes_back",
            Self::HeadTooEarly { .. } => "head_too_early",
            Self::HeadBeyond { .. } => "head_beyond",
            Self::TurnDiffers { .. } => "turn_differs",
            Self::ReceiptInvalid(_) => "receipt_invalid",
            Self::ReceiptOfAnotherRoom => "receipt_of_another_room",
            Self::ReceiptBeyondRoot { .. } => "receipt_beyond_root",
            Self::ReceiptContradicted { .. } => "receipt_contradicted",
            Self::RootUnknown { .. } => "root_unknown",
            Self::ProofFails { .. } => "proof_fails",
            Self::JoinedBeforeCommitment { .. } => "joined_before_commitment",
            Self::JoinedAfterFreeze { .. } => "joined_after_freeze",
            Self::LeftOutOfCohort { .. } => "left_out_of_cohort",
            Self::RecordMissing { .. } => "record_missing",
            Self::RecordsChanged { .. } => "records_changed",
            Self::RecordsEndEarly { .. } => "records_end_early",
        }
    }
}
