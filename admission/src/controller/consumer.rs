//! The lanes of one room that this process has: fetching, holding back, taking over, handing on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use super::{
    end_offsets::{End, EndOffsets},
    leases::{LaneCommit, Term},
    records::{Incoming, LaneRecord},
    shared::Shared,
};
use crate::{
    draw::cohort::Cohort,
    lane::{
        admission_group,
        lease::lease_of,
        line_at::LineAt,
        merge::{Lane, Waiting},
        turns::LaneTurns,
    },
    place::RoomName,
};

/// A lane stops fetching when it holds so many records, and goes on when it holds a quarter.
pub const LANE_RECORDS_MAX: usize = 2000;

/// How far a gate was seen when a head was committed: kept with the commit, so that a gate that is
/// behind it is recognised by controllers that started later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GateMark {
    pub sequence: i64,
    pub door_ms: i64,
}

impl fmt::Display for GateMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sequence, self.door_ms)
    }
}

impl GateMark {
    /// `None` for a commit of an earlier version.
    fn parse(text: &str) -> Option<Self> {
        let (sequence, door_ms) = text.split_once(' ')?;
        Some(Self { sequence: sequence.parse().ok()?, door_ms: door_ms.parse().ok()? })
    }
}

/// Where a lane stands in Kafka.
pub struct Position {
    pub lane: i32,
    /// Its committed offset, or its beginning.
    pub head: i64,
    pub tail: i64,
    /// When its end was looked at.
    pub looked_ms: i64,
    pub gate_mark: GateMark,
    /// Under which it is taken over.
    term: Term,
    /// Whether it was committed under the group that all rooms share.
    is_committed: bool,
}

/// A lane that is this process's to move.
struct Taken {
    term: Term,
    is_committed: bool,
}

/// Reads those lanes of a room's line whose leases this process has.
pub struct LaneConsumer {
    room: RoomName,
    topic: Arc<str>,
    /// Which of the room's lines it is: positions go on from the earlier one's.
    line: LineAt,
    shared: Arc<Shared>,
    incoming: Incoming,
    ends: EndOffsets,
    /// Whom a draw has ordered: positions, and what is fetched, are turns then.
    cohort: Option<Cohort>,
    taken: BTreeMap<i32, Taken>,
    paused: BTreeSet<i32>,
    /// Of these something was left out; they are sought when they are fetched again.
    gaps: BTreeSet<i32>,
}

impl Drop for LaneConsumer {
    fn drop(&mut self) {
        self.shared.records.forget(&self.topic, &self.incoming);
    }
}

impl LaneConsumer {
    pub fn new(shared: Arc<Shared>, room: &RoomName, line: LineAt) -> Self {
        let topic: Arc<str> = shared.kafka.name(&line.topic(room)).into();
        Self {
            room: room.clone(),
            incoming: shared.records.follow(&topic),
            ends: shared.ends.follow(&topic),
            topic,
            line,
            shared,
            cohort: None,
            taken: BTreeMap::new(),
            paused: BTreeSet::new(),
            gaps: BTreeSet::new(),
        }
    }

    /// Takes in whom a draw has ordered; `true` where it was not known.
    pub fn follow_cohort(&mut self, cohort: Option<&Cohort>) -> bool {
        let is_new = self.cohort.as_ref() != cohort;
        if is_new {
            self.cohort = cohort.cloned();
        }
        is_new
    }

    /// Whether a draw has ordered those who came before it.
    pub fn is_drawn(&self) -> bool {
        self.cohort.is_some()
    }

    /// How a lane's records become turns.
    pub fn turns(&self, lane: i32) -> LaneTurns {
        LaneTurns::of(self.cohort.as_ref(), lane).from_base(self.line.base(lane))
    }

    /// The next record of any lane.
    pub async fn next(&mut self) -> Option<LaneRecord> {
        self.incoming.records.recv().await
    }

    /// The next record that is there already.
    pub fn try_recv(&mut self) -> Option<LaneRecord> {
        self.incoming.records.try_recv().ok()
    }

    /// What waits behind a record; `None` where it was drawn, and has its turn without being read.
    pub fn waiting(&self, record: LaneRecord) -> Option<Waiting> {
        let turn = self.turns(record.lane).turn(record.offset);
        turn.map(|offset| Waiting { offset, joined_ms: record.joined_ms })
    }

    /// Asks for a record again that could not be taken in.
    pub fn rewind(&self, lane: i32, offset: i64) {
        self.shared.records.seek(&self.topic, lane, self.turns(lane).offset(offset));
    }

    /// Fetches no more of a lane that holds many records.
    pub fn pause_full(&mut self, number: i32, lane: &Lane) {
        let is_drawn = self.turns(number).is_drawn(lane.fetched);
        if (lane.waiting.len() >= LANE_RECORDS_MAX || is_drawn)
            && !self.paused.contains(&number)
            && self.shared.records.pause(&self.topic, number)
        {
            self.paused.insert(number);
        }
    }

    /// Fetches again what was paused and is nearly empty.
    pub fn resume_drained(&mut self, lanes: &BTreeMap<i32, Lane>) {
        let overflowed = self.incoming.take_overflowed();
        self.paused.extend(&overflowed);
        self.gaps.extend(overflowed);
        if self.paused.is_empty() {
            return;
        }
        let is_low = |lane: &i32| {
            lanes.get(lane).is_some_and(|known| {
                let is_drawn = self.turns(*lane).is_drawn(known.fetched);
                !is_drawn && known.waiting.len() <= LANE_RECORDS_MAX / 4
            })
        };
        let drained: Vec<i32> = self.paused.iter().copied().filter(is_low).collect();
        for lane in &drained {
            if self.gaps.remove(lane)
                && let Some(known) = lanes.get(lane)
            {
                self.rewind(*lane, known.fetched);
            }
        }
        if !drained.is_empty() && self.shared.records.resume(&self.topic, &drained) {
            self.paused.retain(|lane| !drained.contains(lane));
        }
    }

    /// Which of the room's lanes this process had and has no more, and which it has and had not.
    pub fn changes(&self, lanes: i32) -> (Vec<i32>, Vec<i32>) {
        let held = |lane: i32| self.shared.leases.term(lease_of(&self.room, lane));
        let gone = self.taken.iter().filter(|(lane, taken)| held(**lane) != Some(taken.term));
        let gone: Vec<i32> = gone.map(|(lane, _)| *lane).collect();
        let is_new = |lane: &i32| !self.taken.contains_key(lane) || gone.contains(lane);
        let new = (0..lanes).filter(|lane| is_new(lane) && held(*lane).is_some()).collect();
        (gone, new)
    }

    /// Forgets a lane that was taken away.
    pub fn forget(&mut self, lane: i32) {
        self.taken.remove(&lane);
        self.paused.remove(&lane);
        self.gaps.remove(&lane);
        self.ends.look_at(lane, false);
        self.shared.records.drop_lane(&self.topic, lane);
    }

    /// Reads a lane from where it stands.
    ///
    /// # Errors
    /// The client refuses.
    pub fn take(&mut self, position: &Position) -> anyhow::Result<()> {
        let lane = position.lane;
        let offset = self.turns(lane).offset(position.head);
        self.shared.records.read_lane(&self.topic, lane, offset)?;
        self.paused.remove(&lane);
        self.gaps.remove(&lane);
        self.ends.look_at(lane, true);
        let taken = Taken { term: position.term, is_committed: position.is_committed };
        self.taken.insert(lane, taken);
        Ok(())
    }

    /// Where lanes stand that this process has; those that it lost meanwhile are left out.
    ///
    /// # Errors
    /// Kafka away, no such topic yet, or controllers of an earlier version still move the room.
    pub async fn positions_of(&self, lanes: &[i32]) -> anyhow::Result<Vec<Position>> {
        let _turn = self.shared.taking_over.acquire().await?;
        let held = |lane: i32| Some((lane, self.shared.leases.term(lease_of(&self.room, lane))?));
        let terms: Vec<(i32, Term)> = lanes.iter().filter_map(|lane| held(*lane)).collect();
        let lanes: Vec<i32> = terms.iter().map(|(lane, _)| *lane).collect();
        // Asked after the lease was had: whoever had it before commits no more.
        let committed = self.shared.leases.committed(&self.topic, &lanes).await?;
        let mut missing: Vec<i32> =
            lanes.iter().copied().filter(|lane| !committed.contains_key(lane)).collect();
        let mut former = BTreeMap::new();
        // Versions with a group for each room had no lines but the first.
        if !missing.is_empty() && self.line.waking == 0 {
            let (group, topic) = (admission_group(&self.room), self.line.topic(&self.room));
            former = self.shared.kafka.former_commits(&group, &topic, &missing).await?;
            missing.retain(|lane| !former.contains_key(lane));
        }
        let (ends, beginnings) = self.shared.ends.look_now(&self.topic, lanes, missing).await?;
        let position = |(lane, term): (i32, Term)| {
            let End { tail, looked_ms } = *ends.get(&lane)?;
            let (head, mark) = match (committed.get(&lane), former.get(&lane)) {
                (Some((offset, mark)), _) => (*offset, mark.as_str()),
                (None, Some(commit)) => (commit.offset, commit.metadata.as_str()),
                (None, None) => {
                    let begins = *beginnings.get(&lane)?;
                    let is_first = self.line.base(lane) == 0;
                    (if is_first { begins } else { self.turns(lane).tail(begins) }, "")
                }
            };
            Some(Position {
                lane,
                head,
                tail: self.turns(lane).tail(tail),
                looked_ms,
                gate_mark: GateMark::parse(mark).unwrap_or_default(),
                term,
                is_committed: committed.contains_key(&lane),
            })
        };
        Ok(terms.into_iter().filter_map(position).collect())
    }

    /// Commits heads by lane, with how far the gate was seen, and waits for the acknowledgement.
    ///
    /// # Errors
    /// A lane is another process's by now, or Kafka does not acknowledge.
    pub async fn commit(
        &mut self,
        heads: &BTreeMap<i32, i64>,
        gate_mark: GateMark,
    ) -> anyhow::Result<()> {
        let mark = gate_mark.to_string();
        let lanes: Vec<LaneCommit> = heads
            .iter()
            .filter_map(|(lane, head)| {
                let term = self.taken.get(lane)?.term;
                Some(LaneCommit { lane: *lane, head: *head, term, mark: mark.clone() })
            })
            .collect();
        if lanes.is_empty() {
            return Ok(());
        }
        let is_first =
            heads.keys().any(|lane| self.taken.get(lane).is_some_and(|taken| !taken.is_committed));
        self.shared.leases.commit(&self.topic, lanes, is_first).await?;
        for lane in heads.keys() {
            if let Some(taken) = self.taken.get_mut(lane) {
                taken.is_committed = true;
            }
        }
        Ok(())
    }

    /// Takes where lanes end, as far as that was looked up since the last time.
    pub fn take_ends(&self) -> BTreeMap<i32, End> {
        self.ends.take()
    }

    /// Whether to look many times a second where the lanes end.
    pub fn look_often(&self, often: bool) {
        self.ends.look_often(often);
    }
}
