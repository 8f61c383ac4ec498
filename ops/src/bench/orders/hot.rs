//! The ticket type that everybody orders, and an order of it.

use anyhow::Context;
use catalog::contract::{Money, ShowId, TicketTypeId};
use checkout::contract::{Buyer, SubmitLine, SubmitOrder, home_partition};
use chrono::Utc;
use uuid::Uuid;

/// FAIRGATE_COMMANDS_PARTITIONS of the server, as set by default.
pub const PARTITIONS: i32 = 4;

/// Where one's orders go.
#[derive(Debug, Clone)]
pub struct Hot {
    pub show: ShowId,
    pub ticket_type: TicketTypeId,
    /// Number and epoch.
    pub shards: Vec<(i32, i64)>,
}

/// What a round did.
pub struct Orders {
    pub written: i64,
    pub per_sec: f64,
}

impl Hot {
    pub fn name(&self, clients: usize) -> String {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let shards = self.shards.len();
        format!("orders, {clients} client{}, {shards} shard{}", plural(clients), plural(shards))
    }

    /// An order of one ticket, and the partition it belongs to.
    pub fn order(&self, turn: usize) -> anyhow::Result<(SubmitOrder, i32)> {
        let (shard, epoch) =
            self.shards.get(turn % self.shards.len().max(1)).copied().context("no shards")?;
        let now = Utc::now();
        let place = SubmitOrder {
            order: Uuid::now_v7().into(),
            session: Uuid::new_v4().into(),
            show: self.show.clone(),
            hold: Uuid::new_v4().into(),
            lines: vec![SubmitLine {
                ticket_type: self.ticket_type,
                shard,
                quantity: 1,
                unit_price_minor: 6_500,
                epoch,
            }],
            amount: Money::new(6_500, "EUR".parse()?),
            buyer: Buyer {
                name: "Bench".to_owned(),
                email: "bench@bench.example".to_owned(),
                language: None,
            },
            request_hash: "00".repeat(32),
            placed_at: now,
            // Long after the bench: nothing is to expire while it runs.
            expires_at: now + chrono::Duration::hours(6),
        };
        Ok((place, home_partition(self.ticket_type, shard, PARTITIONS)))
    }
}
