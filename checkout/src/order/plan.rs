//! What a batch of order commands does. Pure: values in, values out.
//!
//! Commands are taken in the order of the log. Every one can come again, in the same batch or a
//! later one, and changes nothing then.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use catalog::contract::{Money, ShowId};
use chrono::{DateTime, Utc};

use crate::{
    hold::HoldId,
    order::{
        OrderId,
        command::{Command, QueuedCommand, SubmitLine, SubmitOrder},
        event::{OrderEvent, OrderEventData},
        reject_reason::RejectReason,
        state::{self, OrderState, OrderTransition},
    },
    session::SessionId,
    stock::{Settlement, ShardKey},
};

/// A row of stock as the transaction locked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockedStock {
    pub allotted: i32,
    pub committed: i32,
    pub epoch: i64,
    pub version: i64,
}

/// An order as the transaction found it.
#[derive(Debug, Clone)]
pub struct ExistingOrder {
    pub state: OrderState,
    pub session: SessionId,
    pub show: ShowId,
    pub amount: Money,
    pub expires_at: DateTime<Utc>,
    pub lines: Vec<(ShardKey, i32)>,
}

/// Everything the transaction knows about what the commands touch.
#[derive(Debug, Clone, Default)]
pub struct BatchState {
    pub stock: BTreeMap<ShardKey, LockedStock>,
    pub orders: HashMap<OrderId, ExistingOrder>,
    /// Holds that are orders.
    pub holds: HashSet<HoldId>,
    /// Sessions and their orders that are open or paid.
    pub sessions: HashMap<SessionId, OrderId>,
    /// Orders that come late and were rejected before.
    pub rejected: HashMap<OrderId, RejectReason>,
}

/// What the transaction is to write.
#[derive(Debug, Default)]
pub struct BatchPlan {
    /// New orders, each in the state it has after the batch.
    pub placed: Vec<(SubmitOrder, OrderState)>,
    /// Orders that were there, in their new state.
    pub ended: Vec<(OrderId, OrderState)>,
    /// Those among them that were paid: their tickets become void and their money goes back.
    pub refunded: Vec<OrderId>,
    /// Shows to whose stock something happens.
    pub shows: BTreeSet<ShowId>,
    /// Sessions whose order ran out.
    pub abandoned: Vec<SessionId>,
    /// Refunds that were asked for and need not be asked again, whatever came of it.
    pub answered: Vec<OrderId>,
    pub rejected: Vec<(OrderId, RejectReason)>,
    /// New values of `committed`, for rows whose version rises.
    pub committed: BTreeMap<ShardKey, i32>,
    /// Epochs that rows have to catch up with.
    pub epochs: BTreeMap<ShardKey, i64>,
    pub settlements: BTreeMap<ShardKey, Settlement>,
    pub events: Vec<(OrderEvent, String)>,
}

/// Decides a batch.
pub fn plan_batch(queued: &[QueuedCommand], found: BatchState, now: DateTime<Utc>) -> BatchPlan {
    let mut planner = BatchPlanner { found, now, ..BatchPlanner::default() };
    for QueuedCommand { command, request_id } in queued {
        match command {
            Command::Submit(submit) => planner.submit(submit, request_id),
            Command::Cancel(end) => planner.end(end.order, OrderTransition::GivenUp, request_id),
            Command::Expire(end) => planner.end(end.order, OrderTransition::TimeOver, request_id),
            Command::Refund(end) => planner.refund(end.order, request_id),
        }
    }
    planner.plan()
}

#[derive(Default)]
struct BatchPlanner {
    found: BatchState,
    now: DateTime<Utc>,
    fresh: Vec<SubmitOrder>,
    ended: Vec<OrderId>,
    refunded: Vec<OrderId>,
    shows: BTreeSet<ShowId>,
    abandoned: Vec<SessionId>,
    answered: Vec<OrderId>,
    rejected: BTreeMap<OrderId, RejectReason>,
    committed: BTreeMap<ShardKey, i32>,
    epochs: BTreeMap<ShardKey, i64>,
    settlements: BTreeMap<ShardKey, Settlement>,
    events: Vec<(OrderEvent, String)>,
}

fn key(line: &SubmitLine) -> ShardKey {
    ShardKey { ticket_type: line.ticket_type, shard: line.shard }
}

impl BatchPlanner {
    fn submit(&mut self, submit: &SubmitOrder, request_id: &str) {
        if self.found.orders.contains_key(&submit.order) {
            // Written before. Tickets that a repeat took are free again.
            self.release(submit);
            return;
        }
        if let Some(reason) = self.objection(submit) {
            self.release(submit);
            self.rejected.insert(submit.order, reason);
            return;
        }
        self.rejected.remove(&submit.order);
        let state =
            if submit.expires_at <= self.now { OrderState::Expired } else { OrderState::Placed };
        let known = ExistingOrder {
            state,
            session: submit.session,
            show: submit.show.clone(),
            amount: submit.amount,
            expires_at: submit.expires_at,
            lines: submit.lines.iter().map(|line| (key(line), line.quantity)).collect(),
        };
        let data = self.event_data(submit.order, &known);
        self.events.push((OrderEvent::Placed(data.clone()), request_id.to_owned()));
        if state.keeps_stock() {
            self.commit_stock(submit);
            self.found.sessions.insert(submit.session, submit.order);
        } else {
            self.release(submit);
            self.events.push((OrderEvent::Expired(data), request_id.to_owned()));
        }
        self.found.orders.insert(submit.order, known);
        self.found.holds.insert(submit.hold);
        self.fresh.push(submit.clone());
    }

    fn commit_stock(&mut self, submit: &SubmitOrder) {
        self.shows.insert(submit.show.clone());
        for line in &submit.lines {
            let key = key(line);
            if let Some(stock) =
                self.found.stock.get_mut(&key).filter(|stock| stock.epoch < line.epoch)
            {
                stock.epoch = line.epoch;
                self.epochs.insert(key, line.epoch);
                self.settlement(key).epoch = line.epoch;
            }
            self.move_stock(key, line.quantity);
            self.settlement(key).accepted.push((submit.order, line.quantity));
        }
    }

    /// What stands in the way. An order whose time to pay is over takes no stock and is written as
    /// expired: it may have been written, and even paid, before Postgres lost it. One that was
    /// rejected then stays rejected.
    fn objection(&self, submit: &SubmitOrder) -> Option<RejectReason> {
        if self.found.holds.contains(&submit.hold) {
            return Some(RejectReason::HoldUsed);
        }
        if submit.lines.is_empty() {
            return Some(RejectReason::StockUnknown);
        }
        if submit.expires_at <= self.now {
            return self.found.rejected.get(&submit.order).copied();
        }
        if self.found.sessions.contains_key(&submit.session) {
            return Some(RejectReason::OrderOpen);
        }
        for line in &submit.lines {
            let Some(stock) = self.found.stock.get(&key(line)) else {
                return Some(RejectReason::StockUnknown);
            };
            // A later epoch than the row's was raised, and the row lost it since.
            if line.epoch < stock.epoch {
                return Some(RejectReason::StaleEpoch);
            }
            if line.quantity < 1 || stock.committed.saturating_add(line.quantity) > stock.allotted {
                return Some(RejectReason::SoldOut);
            }
        }
        None
    }

    fn release(&mut self, submit: &SubmitOrder) {
        self.shows.insert(submit.show.clone());
        for line in &submit.lines {
            // Under another epoch there is nothing to return: the rebuild dropped it.
            if self.found.stock.get(&key(line)).is_some_and(|stock| stock.epoch == line.epoch) {
                self.settlement(key(line)).returned.push(submit.order);
            }
        }
    }

    fn end(&mut self, order: OrderId, event: OrderTransition, request_id: &str) {
        let Some(known) = self.found.orders.get(&order) else { return };
        if event == OrderTransition::TimeOver && known.expires_at > self.now {
            return;
        }
        let Ok(state) = state::next(known.state, event) else { return };
        let mut known = known.clone();
        known.state = state;
        self.give_up_stock(order, &known);
        let data = self.event_data(order, &known);
        let event = if state == OrderState::Expired {
            self.abandoned.push(known.session);
            OrderEvent::Expired(data)
        } else {
            OrderEvent::Cancelled(data)
        };
        self.events.push((event, request_id.to_owned()));
        self.found.orders.insert(order, known);
        self.ended.push(order);
    }

    /// A paid order's stock goes back at once, and its money when the provider has confirmed it.
    /// Where there is none, the refund is done with that.
    fn refund(&mut self, order: OrderId, request_id: &str) {
        self.answered.push(order);
        let Some(known) = self.found.orders.get(&order) else { return };
        let Ok(pending) = state::next(known.state, OrderTransition::RefundForced) else { return };
        let mut known = known.clone();
        known.state = pending;
        if known.amount.minor == 0
            && let Ok(done) = state::next(pending, OrderTransition::MoneyReturned)
        {
            known.state = done;
            self.events.push((
                OrderEvent::Refunded(self.event_data(order, &known)),
                request_id.to_owned(),
            ));
        }
        self.give_up_stock(order, &known);
        self.found.orders.insert(order, known);
        self.ended.push(order);
        self.refunded.push(order);
    }

    fn give_up_stock(&mut self, order: OrderId, known: &ExistingOrder) {
        self.shows.insert(known.show.clone());
        for (shard, quantity) in &known.lines {
            self.move_stock(*shard, -quantity);
            self.settlement(*shard).freed += quantity;
        }
        if self.found.sessions.get(&known.session) == Some(&order) {
            self.found.sessions.remove(&known.session);
        }
    }

    fn move_stock(&mut self, shard: ShardKey, by: i32) {
        if let Some(stock) = self.found.stock.get_mut(&shard) {
            stock.committed += by;
            self.committed.insert(shard, stock.committed);
        }
    }

    fn settlement(&mut self, shard: ShardKey) -> &mut Settlement {
        let stock = self.found.stock.get(&shard).copied();
        self.settlements.entry(shard).or_insert_with(|| Settlement {
            epoch: stock.map_or(0, |stock| stock.epoch),
            version_from: stock.map_or(0, |stock| stock.version),
            version_to: stock.map_or(0, |stock| stock.version),
            ..Settlement::default()
        })
    }

    fn event_data(&self, order: OrderId, known: &ExistingOrder) -> OrderEventData {
        OrderEventData { order, show: known.show.clone(), amount: known.amount, at: self.now }
    }

    fn plan(mut self) -> BatchPlan {
        for shard in self.committed.keys() {
            if let Some(settlement) = self.settlements.get_mut(shard) {
                settlement.version_to = settlement.version_from + 1;
            }
        }
        let state = |order: &OrderId| {
            self.found.orders.get(order).map_or(OrderState::Placed, |known| known.state)
        };
        let fresh: HashSet<OrderId> = self.fresh.iter().map(|submit| submit.order).collect();
        let ended = self
            .ended
            .iter()
            .filter(|order| !fresh.contains(order))
            .map(|order| (*order, state(order)))
            .collect();
        let placed =
            self.fresh.iter().map(|submit| (submit.clone(), state(&submit.order))).collect();
        BatchPlan {
            placed,
            ended,
            refunded: self.refunded,
            shows: self.shows,
            abandoned: self.abandoned,
            answered: self.answered,
            rejected: self.rejected.into_iter().collect(),
            committed: self.committed,
            epochs: self.epochs,
            settlements: self.settlements,
            events: self.events,
        }
    }
}

#[cfg(test)]
mod tests;
