//! What is published so that everybody can check a line: roots over its records while the sale
//! goes, and the whole in one document after the opening.
//!
//! Here: the document. `recorder` publishes what is in it: `line_reader` reads the lanes,
//! `lane_tree` is one as it is read, `recorded` what was published of all, and
//! `spacing` how often. `published` tells it,
//! `proofs` proves that a record is under it.

pub mod lane_tree;
pub mod line_reader;
pub mod proofs;
pub mod published;
pub mod recorded;
pub mod recorder;
pub mod sealed;
pub mod spacing;

use admission::contract::{
    DrawTranscript, PublishedHead, PublishedRoot, RoomName, TRANSCRIPT_VERSION, Transcript,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{draw::RoomDraw, store::RoomRow};

/// The cohort's roots stand soon after the draw; where they do not for so long, nobody can make
/// them, and the transcript says so by having none.
const ROOTS_WITHIN: TimeDelta = TimeDelta::minutes(1);

/// The roots of a room so far.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RootsBody {
    pub room: RoomName,
    /// The oldest first. Those over the lanes of a draw's cohort are in the head document.
    pub roots: Vec<PublishedRoot>,
}

/// Why there is no transcript now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotYet {
    /// The line has not begun to move.
    Unopened,
    /// The roots over the cohort are being made.
    RootsPending,
}

/// The transcript of a room that opened, if it did, at `opened_at`.
///
/// # Errors
/// Why there is none yet.
pub fn transcript(
    row: &RoomRow,
    opened_at: Option<DateTime<Utc>>,
    (roots, heads): (Vec<PublishedRoot>, Vec<PublishedHead>),
    now: DateTime<Utc>,
) -> Result<Transcript, NotYet> {
    let opened_at = opened_at.ok_or(NotYet::Unopened)?;
    let draw = row.draw.as_ref().map(|draw| made(draw).ok_or(NotYet::Unopened)).transpose()?;
    let lacks_roots = draw.as_ref().is_some_and(|draw| draw.roots.is_empty());
    if lacks_roots && now - opened_at < ROOTS_WITHIN {
        return Err(NotYet::RootsPending);
    }
    Ok(Transcript {
        version: TRANSCRIPT_VERSION,
        room: row.room.clone(),
        method: row.method,
        lanes: u32::try_from(row.lanes).unwrap_or_default(),
        opened_at,
        draw,
        roots,
        heads,
    })
}

fn made(draw: &RoomDraw) -> Option<DrawTranscript> {
    let (frozen, made) = (draw.frozen.as_ref()?, draw.made.as_ref()?);
    let ends = frozen.cohort.ends().to_vec();
    let root = |(lane, (size, root))| PublishedRoot { lane, size, root, at: frozen.at };
    let of_lanes = ends.iter().copied().zip(frozen.roots.iter().flatten().copied());
    Some(DrawTranscript {
        commitment: draw.seed.commitment(),
        entropy_source: draw.entropy_source,
        committed_at: draw.committed_at,
        roots: (0..).zip(of_lanes).map(root).collect(),
        ends,
        frozen_at: frozen.at,
        entropy: made.entropy.clone(),
        seed: draw.seed,
        drawn_at: made.at,
    })
}
