//! What the gate granted to a room's places, as far as one controller knows.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;

use crate::{
    gate::redis::{Gate, ask::Answer},
    head::LaneHead,
    lane::merge::Candidate,
    place::RoomName,
};

/// How often is looked which grants were claimed. Those are not put back.
const CLAIMED_EVERY: Duration = Duration::from_secs(2);

/// Whether fans may have heard that they are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    Untold,
    /// Publishing was tried, and nobody knows what became of it.
    Tried,
}

/// Places are (lane, offset); ends of grants are by the door clock.
pub struct Grants {
    room: RoomName,
    gate: Gate,
    /// In which all that is remembered was put back.
    epoch: String,
    /// What was granted and is neither claimed nor over, as far as this controller knows.
    recent: BTreeMap<(i32, i64), i64>,
    /// Granted places that no head has passed of which it is known that it was published. Their
    /// window begins when one does, and their grants with it.
    unheard: BTreeMap<(i32, i64), Telling>,
    /// Lanes taken over whose head was not published since, with where their last owner had
    /// published it: of their grants, those from there on may be unheard of too.
    adopted: BTreeMap<i32, i64>,
    claimed_at: Instant,
}

impl Grants {
    pub fn new(room: RoomName, gate: Gate) -> Self {
        Self {
            room,
            gate,
            epoch: String::new(),
            recent: BTreeMap::new(),
            unheard: BTreeMap::new(),
            adopted: BTreeMap::new(),
            claimed_at: Instant::now(),
        }
    }

    /// The gate's epoch in which it has all that is remembered here.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Takes over a lane whose head was published until there: what was granted to its places is
    /// remembered from now on, as its last owner did.
    ///
    /// # Errors
    /// Redis away.
    pub async fn adopt(&mut self, lane: i32, published: i64) -> anyhow::Result<()> {
        let grants =
            self.gate.of_lane(&self.room, lane).await.context("reading a lane's grants")?;
        self.recent.extend(grants);
        self.adopted.insert(lane, published);
        Ok(())
    }

    /// Forgets a lane that was taken away.
    pub fn forget(&mut self, lane: i32) {
        self.unheard.retain(|(granted, _), _| *granted != lane);
        self.adopted.remove(&lane);
    }

    /// Takes in what the gate granted to the first of the candidates. A gate that began anew is
    /// given what is remembered.
    pub async fn absorb(
        &mut self,
        answer: &Answer,
        candidates: &[Candidate],
        lasts_ms: i64,
    ) -> anyhow::Result<()> {
        for (index, candidate) in candidates.iter().take(answer.passed).enumerate() {
            if !answer.left.contains(&index) {
                let place = (candidate.lane, candidate.record.offset);
                self.recent.insert(place, answer.door_ms + lasts_ms);
                self.unheard.insert(place, Telling::Untold);
            }
        }
        self.recent.retain(|_, ends_ms| *ends_ms > answer.door_ms);
        if answer.epoch != self.epoch {
            let remembered = self.recent.iter().map(|(place, ends_ms)| (*place, *ends_ms));
            self.gate.regrant(&self.room, remembered).await.context("putting grants back")?;
            tracing::info!(
                room = %self.room,
                grants = self.recent.len(),
                "the gate was told what was granted"
            );
            self.epoch.clone_from(&answer.epoch);
        } else if self.claimed_at.elapsed() >= CLAIMED_EVERY {
            self.forget_claimed().await.context("looking which grants were claimed")?;
        }
        Ok(())
    }

    /// Forgets what was claimed, or left, since.
    async fn forget_claimed(&mut self) -> anyhow::Result<()> {
        let places: Vec<_> = self.recent.keys().copied().collect();
        let (epoch, gone) = self.gate.gone(&self.room, &places).await?;
        self.claimed_at = Instant::now();
        // A gate that began anew just now knows less than is remembered here.
        if epoch == self.epoch {
            for place in gone {
                self.recent.remove(&place);
            }
        }
        Ok(())
    }

    /// Makes the grants of places that these heads are the first to pass last as long as their
    /// passes can, however long committing and publishing took since they were granted. A grant
    /// that is gone is put back only before the first try to publish: after it, its fan may be
    /// inside with it.
    pub async fn keep_slots(&mut self, heads: &[LaneHead], ends_ms: i64) -> anyhow::Result<()> {
        let head_of: BTreeMap<i32, i64> = heads.iter().map(|head| (head.lane, head.head)).collect();
        let passed =
            |(lane, offset): &(i32, i64)| head_of.get(lane).is_some_and(|head| offset < head);
        let (mut untold, mut tried) = (Vec::new(), Vec::new());
        for (place, telling) in self.unheard.iter().filter(|(place, _)| passed(place)) {
            if *telling == Telling::Untold { untold.push(*place) } else { tried.push(*place) }
        }
        self.recent.extend(untold.iter().chain(&tried).map(|place| (*place, ends_ms)));
        self.gate.regrant(&self.room, untold.iter().map(|place| (*place, ends_ms))).await?;
        self.gate.prolong(&self.room, tried.iter().map(|place| (*place, ends_ms))).await?;
        // What was heard of before keeps its end: its fans' time runs.
        let unheard = |(lane, offset): &(i32, i64)| {
            self.adopted.get(lane).is_some_and(|published| offset >= published)
        };
        let adopted: Vec<(i32, i64)> =
            self.recent.keys().copied().filter(|place| unheard(place) && passed(place)).collect();
        self.recent.extend(adopted.iter().map(|place| (*place, ends_ms)));
        self.gate.prolong(&self.room, adopted.into_iter().map(|place| (place, ends_ms))).await?;
        for place in untold {
            self.unheard.insert(place, Telling::Tried);
        }
        Ok(())
    }

    /// Notes that these heads were published.
    pub fn published(&mut self, heads: &[LaneHead]) {
        for head in heads {
            self.unheard.retain(|(lane, offset), _| *lane != head.lane || *offset >= head.head);
            self.adopted.remove(&head.lane);
        }
    }
}
