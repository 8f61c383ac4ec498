//! Who takes part in a draw: all that joined before the lanes' ends were frozen.

use serde::{Deserialize, Serialize};

use crate::draw::LanePlace;

/// As many lanes as one draw may have.
pub const LANES_MAX: usize = 65_536;
/// As many fans as one draw may have: the shuffle counts blocks of 256 positions in 32 bits.
pub const COHORT_MAX: u64 = 1 << 40;

/// The frozen end of each lane. A fan of the cohort has an index: lane after lane, in the order of
/// offsets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct Cohort {
    ends: Vec<u64>,
    /// The index of each lane's first fan, and the size of the cohort at the end.
    starts: Vec<u64>,
}

/// Why these ends are no cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CohortError {
    #[error("a cohort has 1 to {LANES_MAX} lanes")]
    Lanes,
    #[error("a cohort has {COHORT_MAX} fans at most")]
    Fans,
}

impl Cohort {
    /// `ends` are the lanes' end offsets, in the order of lanes.
    ///
    /// # Errors
    /// When there is no lane, or there are too many lanes or fans.
    pub fn new(ends: Vec<u64>) -> Result<Self, CohortError> {
        if ends.is_empty() || ends.len() > LANES_MAX {
            return Err(CohortError::Lanes);
        }
        let mut starts = Vec::with_capacity(ends.len() + 1);
        let mut size = 0u64;
        starts.push(size);
        for end in &ends {
            let sum = size.checked_add(*end).filter(|size| *size <= COHORT_MAX);
            size = sum.ok_or(CohortError::Fans)?;
            starts.push(size);
        }
        Ok(Self { ends, starts })
    }

    /// The cohort of ends as Kafka and Postgres have them; `None` where they are none.
    pub fn of_offsets(ends: &[i64]) -> Option<Self> {
        let ends: Result<Vec<u64>, _> = ends.iter().map(|end| u64::try_from(*end)).collect();
        Self::new(ends.ok()?).ok()
    }

    /// The ends as Kafka and Postgres have them.
    pub fn offsets(&self) -> Vec<i64> {
        // No cohort is so large that they do not fit.
        self.ends.iter().map(|end| i64::try_from(*end).unwrap_or(i64::MAX)).collect()
    }

    pub fn ends(&self) -> &[u64] {
        &self.ends
    }

    /// How many lanes there were when the ends were frozen.
    pub fn lanes(&self) -> u32 {
        // `new` allows no more than fit.
        self.ends.len() as u32
    }

    /// How many fans take part.
    pub fn size(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default()
    }

    /// How many of a lane take part; 0 of a lane that was added later.
    pub fn end(&self, lane: u32) -> u64 {
        self.ends.get(lane as usize).copied().unwrap_or_default()
    }

    /// The index of a place; `None` where it does not take part.
    pub fn index(&self, place: LanePlace) -> Option<u64> {
        let start = self.starts.get(place.lane as usize)?;
        (place.offset < self.end(place.lane)).then(|| start + place.offset)
    }

    /// The place of an index; `None` from the cohort's size on.
    pub fn place(&self, index: u64) -> Option<LanePlace> {
        // The last lane that starts at or before it: empty lanes start where the next one does.
        let lane = self.starts.partition_point(|start| *start <= index).checked_sub(1)?;
        let end = self.ends.get(lane)?;
        let offset = index - self.starts[lane];
        (offset < *end).then_some(LanePlace { lane: lane as u32, offset })
    }

    /// How many turns of a lane the draw gave out: positions are dealt to the lanes one by one.
    pub fn drawn(&self, lane: u32) -> u64 {
        let lanes = u64::from(self.lanes());
        match u64::from(lane) {
            lane if lane >= lanes => 0,
            lane => self.size() / lanes + u64::from(lane < self.size() % lanes),
        }
    }
}

impl TryFrom<Vec<u64>> for Cohort {
    type Error = CohortError;

    fn try_from(ends: Vec<u64>) -> Result<Self, CohortError> {
        Self::new(ends)
    }
}

impl From<Cohort> for Vec<u64> {
    fn from(cohort: Cohort) -> Self {
        cohort.ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_its_place_and_empty_lanes_have_none() {
        let cohort = Cohort::new(vec![0, 2, 0, 0, 3, 0]).expect("a cohort");
        let places: Vec<LanePlace> = (0..9).map_while(|index| cohort.place(index)).collect();
        let texts: Vec<String> = places.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["1.0", "1.1", "4.0", "4.1", "4.2"]);
        for (index, place) in places.into_iter().enumerate() {
            assert_eq!(cohort.index(place), Some(index as u64));
        }
        for (lane, offset) in [(0, 0), (1, 2), (5, 0), (6, 0)] {
            assert_eq!(cohort.index(LanePlace { lane, offset }), None, "{lane}.{offset}");
        }
        let drawn: Vec<u64> = (0..7).map(|lane| cohort.drawn(lane)).collect();
        assert_eq!(drawn, [1, 1, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn too_much_is_no_cohort() {
        assert_eq!(Cohort::new(vec![]), Err(CohortError::Lanes));
        assert_eq!(Cohort::new(vec![0; LANES_MAX + 1]), Err(CohortError::Lanes));
        assert_eq!(Cohort::new(vec![COHORT_MAX, 1]), Err(CohortError::Fans));
        assert_eq!(Cohort::new(vec![1, u64::MAX]), Err(CohortError::Fans));
        assert_eq!(Cohort::new(vec![COHORT_MAX]).expect("the largest").size(), COHORT_MAX);
        assert!(serde_json::from_str::<Cohort>("[]").is_err());
    }
}
