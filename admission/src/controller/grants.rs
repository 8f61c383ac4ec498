//! What the gate granted to a room's places, as far as one controller knows.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use chrono::{DateTime, Utc};

use crate::{
    gate::{GateSettings, claim_until, grant_until, redis::Gate},
    head::LaneHead,
    lane::merge::Candidate,
    place::RoomName,
};

/// Whether fans may have heard that they are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    Untold,
    /// Publishing was tried, and nobody knows what became of it.
    Tried,
}

/// Places are (lane, offset).
pub struct Grants {
    room: RoomName,
    gate: Gate,
    epoch: String,
    /// What was granted and is neither claimed nor over, as far as this controller knows.
    recent: BTreeMap<(i32, i64), DateTime<Utc>>,
    /// Granted places that no head has passed of which it is known that it was published. Their
    /// window begins when one does, and their grants with it.
    unheard: BTreeMap<(i32, i64), Telling>,
    /// Lanes taken over whose head was not published since: some of their grants may be unheard of
    /// too.
    adopted: BTreeSet<i32>,
}

impl Grants {
    pub fn new(room: RoomName, gate: Gate) -> Self {
        Self {
            room,
            gate,
            epoch: String::new(),
            recent: BTreeMap::new(),
            unheard: BTreeMap::new(),
            adopted: BTreeSet::new(),
        }
    }

    /// Notes a lane that was taken over.
    pub fn adopt(&mut self, lane: i32) {
        self.adopted.insert(lane);
    }

    /// Forgets a lane that was taken away.
    pub fn forget(&mut self, lane: i32) {
        self.unheard.retain(|(granted, _), _| *granted != lane);
        self.adopted.remove(&lane);
    }

    /// Asks the gate and notes what it grants: so many of the candidates, from the first.
    pub async fn ask(
        &mut self,
        settings: &GateSettings,
        fronts: &[(i32, Option<i64>)],
        candidates: &[Candidate],
    ) -> anyhow::Result<usize> {
        let grant = self.gate.ask(settings, fronts, candidates).await.context("asking the gate")?;
        let now = Utc::now();
        self.recent.retain(|_, until| *until > now);
        if grant.epoch != self.epoch {
            let remembered = self.recent.iter().map(|(place, until)| (*place, *until));
            self.gate.regrant(&self.room, remembered).await.context("putting grants back")?;
            self.epoch = grant.epoch;
        }
        let until = grant_until(claim_until(now, settings.claim_window_secs));
        for candidate in candidates.iter().take(grant.count) {
            let place = (candidate.lane, candidate.record.offset);
            self.recent.insert(place, until);
            self.unheard.insert(place, Telling::Untold);
        }
        Ok(grant.count)
    }

    /// Makes the grants of places that these heads are the first to pass last as long as their
    /// passes can, however long committing and publishing took since they were granted. A grant
    /// that is gone is put back only before the first try to publish: after it, its fan may be
    /// inside with it.
    pub async fn keep_slots(
        &mut self,
        heads: &[LaneHead],
        until: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let head_of: BTreeMap<i32, i64> = heads.iter().map(|head| (head.lane, head.head)).collect();
        let passed =
            |(lane, offset): &(i32, i64)| head_of.get(lane).is_some_and(|head| offset < head);
        let (mut untold, mut tried) = (Vec::new(), Vec::new());
        for (place, telling) in self.unheard.iter().filter(|(place, _)| passed(place)) {
            if *telling == Telling::Untold { untold.push(*place) } else { tried.push(*place) }
        }
        self.recent.extend(untold.iter().chain(&tried).map(|place| (*place, until)));
        self.gate.regrant(&self.room, untold.iter().map(|place| (*place, until))).await?;
        self.gate.prolong(&self.room, tried.iter().map(|place| (*place, until))).await?;
        for lane in self.adopted.iter().filter(|lane| head_of.contains_key(lane)) {
            self.gate.extend(&self.room, *lane, until).await?;
        }
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
