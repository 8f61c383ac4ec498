//! Where each partition is read from: where Postgres says that writing goes on, whatever the group
//! has committed.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use rdkafka::{
    ClientContext, Offset,
    consumer::{BaseConsumer, ConsumerContext, Rebalance},
};

/// Next offsets by partition.
pub(super) type Offsets = BTreeMap<i32, i64>;

/// What Postgres said when it was last asked. An answer that is older than the newest only means
/// records that come again; where one is too new, the fence refuses what is read.
#[derive(Clone, Default)]
pub(super) struct Positions(Arc<Mutex<Offsets>>);

impl Positions {
    fn postgres(&self) -> MutexGuard<'_, Offsets> {
        self.0.lock()
    }

    pub fn learn(&self, postgres: Offsets) {
        *self.postgres() = postgres;
    }

    /// Where a partition is read from now.
    pub fn of(&self, partition: i32) -> Offset {
        self.postgres().get(&partition).map_or(Offset::Beginning, |next| Offset::Offset(*next))
    }
}

impl ClientContext for Positions {}

impl ConsumerContext for Positions {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Assign(assigned) = rebalance else { return };
        for mut part in assigned.elements() {
            let partition = part.partition();
            if let Err(error) = part.set_offset(self.of(partition)) {
                // Then the group's offset holds, and the fence refuses what lies beyond Postgres's.
                tracing::error!(partition, %error, "a partition of the order log was not set to \
                    Postgres's offset");
            }
        }
    }
}

/// The next offset of each partition that this process has written to.
#[derive(Clone, Default)]
pub struct WrittenOffsets(Arc<Mutex<Offsets>>);

impl WrittenOffsets {
    pub fn note(&self, partition: i32, next_offset: i64) {
        self.0.lock().insert(partition, next_offset);
    }

    pub fn offsets(&self) -> Offsets {
        self.0.lock().clone()
    }
}
