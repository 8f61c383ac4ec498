//! Where each partition is read from: where Postgres says that writing goes on, whatever the group has committed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rdkafka::{
    ClientContext, Offset,
    consumer::{BaseConsumer, ConsumerContext, Rebalance},
};

/// Next offsets by partition.
pub(super) type Offsets = BTreeMap<i32, i64>;

#[derive(Clone, Default)]
pub(super) struct Positions(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// What Postgres said when it was last asked. An older answer than the newest only means records that come again; one
    /// that is too new is refused by the fence.
    postgres: Offsets,
    reading: Offsets,
}

impl Positions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn learn(&self, postgres: Offsets) {
        self.state().postgres = postgres;
    }

    /// Notes a record, and gives where the one before it ended: all from there to this record was read.
    pub fn advance(&self, partition: i32, offset: i64) -> i64 {
        self.state().reading.insert(partition, offset + 1).unwrap_or(offset)
    }

    fn assign(&self, partition: i32) -> Offset {
        let mut state = self.state();
        match state.postgres.get(&partition).copied() {
            Some(next) => {
                state.reading.insert(partition, next);
                Offset::Offset(next)
            }
            None => {
                state.reading.remove(&partition);
                Offset::Beginning
            }
        }
    }
}

impl ClientContext for Positions {}

impl ConsumerContext for Positions {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(assigned) = rebalance else { return };
        for mut part in assigned.elements() {
            let partition = part.partition();
            if let Err(error) = part.set_offset(self.assign(partition)) {
                // Then the group's offset holds, and the fence refuses what lies beyond Postgres's.
                tracing::error!(partition, %error, "a partition of the order log was not set to Postgres's offset");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_has_no_gap_since_the_assignment() {
        let positions = Positions::default();
        positions.learn(Offsets::from([(0, 5)]));
        assert_eq!(positions.assign(0), Offset::Offset(5));
        assert_eq!(positions.assign(1), Offset::Beginning);
        assert_eq!(positions.advance(0, 7), 5, "where the log has a hole, nothing was left out");
        assert_eq!(positions.advance(0, 8), 8);
        assert_eq!(positions.advance(1, 3), 3);
        positions.learn(Offsets::from([(0, 6)]));
        assert_eq!(positions.advance(0, 9), 9, "an assignment moves it, nothing else");
        assert_eq!(positions.assign(0), Offset::Offset(6));
        assert_eq!(positions.advance(0, 6), 6);
    }
}
