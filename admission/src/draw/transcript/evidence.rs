//! What somebody holds against a transcript: a place, a receipt, a lane's records.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::draw::{
    LanePlace, LaneTurn,
    hex_bytes::Digest32,
    merkle::{MerkleTree, inclusion},
    receipt::Receipt,
    record::LaneRecord,
    transcript::{Transcript, finding::Finding, is_surely_before},
};

/// A record, and the hashes that lead from it to a published root of its lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordProof {
    pub record: LaneRecord,
    /// Over how many records the root is.
    pub size: u64,
    /// The lowest first.
    #[schema(value_type = Vec<String>)]
    pub path: Vec<Digest32>,
}

/// Whether a place has the turn that it was told.
pub fn check_place(
    transcript: &Transcript,
    place: LanePlace,
    claimed: LaneTurn,
) -> Result<(), Finding> {
    if place.lane >= transcript.lanes {
        return Err(Finding::LaneUnknown { lane: place.lane });
    }
    let drawn = transcript.drawn().map_err(Finding::CohortInvalid)?.turn(place);
    if drawn == claimed { Ok(()) } else { Err(Finding::TurnDiffers { place, claimed, drawn }) }
}

/// What contradicts a receipt, whose signature was checked: the published roots, when it was
/// joined, and the record that stands in its place, where somebody has it with its proof.
pub fn check_receipt(
    transcript: &Transcript,
    receipt: &Receipt,
    evidence: Option<&RecordProof>,
) -> Vec<Finding> {
    if receipt.room != transcript.room {
        return vec![Finding::ReceiptOfAnotherRoom];
    }
    let place = receipt.place();
    if place.lane >= transcript.lanes {
        return vec![Finding::LaneUnknown { lane: place.lane }];
    }
    let mut findings = Vec::new();
    let joined = time(&receipt.record);
    let mut later =
        transcript.roots_of(place.lane).filter(|root| is_surely_before(joined, root.at));
    if let Some(root) = later.find(|root| root.size <= place.offset) {
        findings.push(Finding::ReceiptBeyondRoot { place, size: root.size });
    }
    findings.extend(check_joined(transcript, place, &receipt.record));
    findings.extend(evidence.and_then(|proof| check_proof(transcript, receipt, proof).err()));
    findings
}

fn check_proof(
    transcript: &Transcript,
    receipt: &Receipt,
    evidence: &RecordProof,
) -> Result<(), Finding> {
    let RecordProof { record, size, path } = evidence;
    let place = receipt.place();
    let root = transcript
        .roots_of(place.lane)
        .find(|root| root.size == *size)
        .ok_or(Finding::RootUnknown { lane: place.lane, size: *size })?;
    if !inclusion::check(record.leaf(), place.offset, *size, path, root.root) {
        return Err(Finding::ProofFails { place });
    }
    if *record != receipt.record {
        return Err(Finding::ReceiptContradicted { place, record: *record });
    }
    Ok(())
}

/// Recomputes every published root of a lane from its records, which start at offset 0.
pub fn check_roots(
    transcript: &Transcript,
    lane: u32,
    records: impl IntoIterator<Item = LaneRecord>,
) -> Vec<Finding> {
    let mut roots: Vec<_> = transcript.roots_of(lane).collect();
    roots.sort_by_key(|root| root.size);
    let mut findings = Vec::new();
    let mut tree = MerkleTree::default();
    let mut next = roots.into_iter().peekable();
    let mut joined = None;
    let mut records = records.into_iter();
    loop {
        while let Some(root) = next.next_if(|root| root.size == tree.size()) {
            if root.root != tree.root() {
                findings.push(Finding::RecordsChanged { lane, size: root.size });
            }
        }
        let Some(record) = records.next() else { break };
        let (offset, found) = (tree.size(), record.offset);
        if found != offset {
            findings.push(Finding::RecordMissing { lane, offset, found });
            return findings;
        }
        // One of each lane says it: where a clock was wrong, all that follow would say the same.
        joined = joined.or_else(|| check_joined(transcript, LanePlace { lane, offset }, &record));
        tree.append(record.leaf());
    }
    if let Some(root) = next.last() {
        let (size, records) = (root.size, tree.size());
        findings.push(Finding::RecordsEndEarly { lane, size, records });
    }
    findings.extend(joined);
    findings
}

/// Whether a record takes part or not as its time says. Near the moment at which entries closed
/// clocks decide, and nothing is held against anybody.
fn check_joined(transcript: &Transcript, place: LanePlace, record: &LaneRecord) -> Option<Finding> {
    let draw = transcript.draw.as_ref()?;
    let joined = time(record);
    let takes_part = draw.ends.get(place.lane as usize).is_some_and(|end| place.offset < *end);
    if takes_part && is_surely_before(joined, draw.committed_at) {
        Some(Finding::JoinedBeforeCommitment { place })
    } else if takes_part && is_surely_before(draw.frozen_at, joined) {
        Some(Finding::JoinedAfterFreeze { place })
    } else if !takes_part && is_surely_before(joined, draw.frozen_at) {
        Some(Finding::LeftOutOfCohort { place })
    } else {
        None
    }
}

/// The end of time where a record's own is beyond it.
fn time(record: &LaneRecord) -> DateTime<Utc> {
    i64::try_from(record.joined_ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}
