//! Does the stock add up? Pure.

use std::collections::BTreeMap;

use checkout::contract::ShardSnapshot;
use serde::Serialize;
use uuid::Uuid;

/// One shard of stock, as Postgres has it and as Redis has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    pub show: String,
    pub ticket_type: Uuid,
    pub shard: i32,
    pub allotted: i64,
    pub committed: i64,
    pub epoch: i64,
    /// In orders that are paid.
    pub sold: i64,
    /// In orders that wait for their payment.
    pub reserved: i64,
    /// `None` where Redis does not know it.
    pub redis: Option<ShardSnapshot>,
}

impl Shard {
    pub fn key(&self) -> String {
        format!("{}.{}", self.ticket_type, self.shard)
    }

    /// What Redis has, if it is of the current epoch; an older one is about to be replaced.
    fn current(&self) -> Option<&ShardSnapshot> {
        self.redis.as_ref().filter(|redis| redis.epoch == self.epoch)
    }

    fn row(&self) -> Row {
        let Self { show, ticket_type, shard, allotted, committed, epoch, sold, reserved, redis } =
            self.clone();
        Row {
            show,
            ticket_type,
            shard,
            allotted,
            committed,
            epoch,
            sold,
            reserved,
            redis_free: redis.map(|redis| redis.free),
            redis_held: redis.map(|redis| redis.held),
            redis_placing: redis.map(|redis| redis.placing),
            redis_epoch: redis.map(|redis| redis.epoch),
        }
    }
}

/// A shard that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub show: String,
    pub ticket_type: Uuid,
    pub shard: i32,
    pub allotted: i64,
    pub committed: i64,
    pub epoch: i64,
    pub sold: i64,
    pub reserved: i64,
    pub redis_free: Option<i64>,
    pub redis_held: Option<i64>,
    pub redis_placing: Option<i64>,
    pub redis_epoch: Option<i64>,
}

impl Row {
    pub fn key(&self) -> String {
        format!("{}.{}", self.ticket_type, self.shard)
    }
}

/// A ticket type as the catalog allots it and as checkout has it in stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Allotment {
    pub show: String,
    pub ticket_type: Uuid,
    pub allotted: i64,
    pub stocked: i64,
}

/// Ticket types of which another number is in stock than is allotted.
pub fn disagreeing(allotments: &[Allotment]) -> Vec<&Allotment> {
    allotments.iter().filter(|allotment| allotment.stocked != allotment.allotted).collect()
}

/// Shards whose committed stock is not what their orders add up to.
pub fn miscounted(shards: &[Shard]) -> Vec<Row> {
    rows(shards, |shard| shard.committed != shard.sold + shard.reserved)
}

/// Shards with more committed than allotted.
pub fn oversold(shards: &[Shard]) -> Vec<Row> {
    rows(shards, |shard| shard.committed < 0 || shard.committed > shard.allotted)
}

/// Shards of which Redis gives away another number than what is uncommitted.
pub fn redis_differs(shards: &[Shard]) -> Vec<Row> {
    rows(shards, |shard| {
        // Nobody but a rebuild raises the epoch, in Postgres first.
        let from_the_future = shard.redis.as_ref().is_some_and(|redis| redis.epoch > shard.epoch);
        from_the_future
            || shard.current().is_some_and(|redis| {
                // Free may be below zero: a rebuild found more held than there is, and takes
                // nothing until that ran out.
                let parts = redis.free + redis.held + redis.placing;
                redis.held < 0 || redis.placing < 0 || parts != shard.allotted - shard.committed
            })
    })
}

fn rows(shards: &[Shard], breaks: impl Fn(&Shard) -> bool) -> Vec<Row> {
    shards.iter().filter(|shard| breaks(shard)).map(Shard::row).collect()
}

/// A ticket type, its shards taken together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    pub show: String,
    pub ticket_type: Uuid,
    pub allotted: i64,
    pub sold: i64,
    pub reserved: i64,
    pub held: i64,
    pub free: i64,
    /// Tickets issued.
    pub tickets: i64,
}

impl Sum {
    /// What its parts come to above what was allotted, or below.
    pub fn excess(&self) -> i64 {
        self.sold + self.reserved + self.held + self.free - self.allotted
    }

    pub fn is_oversold(&self) -> bool {
        self.tickets > self.allotted
    }
}

/// The ticket types of `shards`, with how many tickets of each were issued.
pub fn sums(shards: &[Shard], tickets: &BTreeMap<Uuid, i64>) -> Vec<Sum> {
    let mut sums: BTreeMap<Uuid, Sum> = BTreeMap::new();
    for shard in shards {
        let sum = sums.entry(shard.ticket_type).or_insert_with(|| Sum {
            show: shard.show.clone(),
            ticket_type: shard.ticket_type,
            tickets: tickets.get(&shard.ticket_type).copied().unwrap_or_default(),
            ..Sum::default()
        });
        sum.allotted += shard.allotted;
        sum.sold += shard.sold;
        sum.reserved += shard.reserved;
        match shard.current() {
            Some(redis) => {
                sum.free += redis.free;
                sum.held += redis.held;
                sum.reserved += redis.placing;
            }
            // Nobody can hold from a shard that Redis does not have; all that is uncommitted is
            // free.
            None => sum.free += shard.allotted - shard.committed,
        }
    }
    sums.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(free: i64, held: i64, placing: i64, epoch: i64) -> ShardSnapshot {
        ShardSnapshot { free, held, placing, epoch, version: 0, run_out: 0, overdue: 0 }
    }

    fn shard() -> Shard {
        Shard {
            show: "s".into(),
            ticket_type: Uuid::from_u128(1),
            shard: 0,
            allotted: 50,
            committed: 12,
            epoch: 2,
            sold: 10,
            reserved: 2,
            redis: Some(redis(30, 5, 3, 2)),
        }
    }

    fn tickets(count: i64) -> BTreeMap<Uuid, i64> {
        BTreeMap::from([(Uuid::from_u128(1), count)])
    }

    #[test]
    fn stock_that_adds_up_passes() {
        for good in [
            shard(),
            Shard { redis: None, ..shard() },
            Shard { redis: Some(redis(9, 9, 9, 1)), ..shard() },
        ] {
            let shards = [good];
            assert_eq!(miscounted(&shards), []);
            assert_eq!(oversold(&shards), []);
            assert_eq!(redis_differs(&shards), []);
            let sums = sums(&shards, &tickets(10));
            assert!(sums.iter().all(|sum| sum.excess() == 0 && !sum.is_oversold()), "{sums:?}");
        }
    }

    #[test]
    fn an_order_that_was_not_counted_is_seen() {
        assert_eq!(miscounted(&[Shard { reserved: 3, ..shard() }]).len(), 1);
        assert_eq!(miscounted(&[Shard { committed: 13, ..shard() }]).len(), 1);
    }

    #[test]
    fn more_committed_than_allotted_is_seen() {
        let over = Shard {
            committed: 51,
            sold: 51,
            reserved: 0,
            redis: Some(redis(-1, 0, 0, 2)),
            ..shard()
        };
        assert_eq!(oversold(&[over]).len(), 1);
    }

    #[test]
    fn redis_giving_away_too_much_or_too_little_is_seen() {
        for wrong in
            [redis(31, 5, 3, 2), redis(30, 4, 3, 2), redis(41, 5, -8, 2), redis(30, 5, 3, 3)]
        {
            assert_eq!(
                redis_differs(&[Shard { redis: Some(wrong), ..shard() }]).len(),
                1,
                "{wrong:?}"
            );
        }
        let inflated = [Shard { redis: Some(redis(130, 5, 3, 2)), ..shard() }];
        assert_eq!(sums(&inflated, &tickets(10))[0].excess(), 100);
    }

    #[test]
    fn stock_that_is_not_what_was_allotted_is_seen() {
        let agrees =
            Allotment { show: "s".into(), ticket_type: Uuid::nil(), allotted: 50, stocked: 50 };
        assert_eq!(disagreeing(std::slice::from_ref(&agrees)), Vec::<&Allotment>::new());
        for stocked in [49, 51, 0] {
            assert_eq!(disagreeing(&[Allotment { stocked, ..agrees.clone() }]).len(), 1);
        }
    }

    #[test]
    fn a_type_is_summed_over_its_shards_and_may_not_issue_more_than_allotted() {
        let shards = [shard(), Shard { shard: 1, ..shard() }];
        let [within, over] = [100, 101].map(|count| sums(&shards, &tickets(count)).remove(0));
        assert!(!within.is_oversold() && over.is_oversold());
        assert_eq!((within.allotted, within.excess()), (100, 0));
    }
}
