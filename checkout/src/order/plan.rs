//! What a batch of order commands does. Pure: values in, values out.
//!
//! Commands are taken in the order of the log. Every one can come again, in the same batch or a
//! later one, and changes nothing then.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    order::{
        command::{Asked, Command, Place, PlaceLine},
        event::{OrderEvent, OrderEventData},
        refusal::Refusal,
        state::{self, Event, State},
    },
    stock::{Settlement, ShardKey},
};

/// A row of stock as the transaction locked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    pub allotted: i32,
    pub committed: i32,
    pub epoch: i64,
    pub version: i64,
}

/// An order as the transaction found it.
#[derive(Debug, Clone)]
pub struct Known {
    pub state: State,
    pub session: Uuid,
    pub show: String,
    pub amount_minor: i64,
    pub currency: String,
    pub expires_at: DateTime<Utc>,
    pub lines: Vec<(ShardKey, i32)>,
}

/// Everything the transaction knows about what the commands touch.
#[derive(Debug, Clone, Default)]
pub struct Books {
    pub stock: BTreeMap<ShardKey, Stock>,
    pub orders: HashMap<Uuid, Known>,
    /// Holds that are orders.
    pub holds: HashSet<Uuid>,
    /// Sessions and their orders that are open or paid.
    pub sessions: HashMap<Uuid, Uuid>,
    /// Orders that come late and were refused before.
    pub refused: HashMap<Uuid, Refusal>,
}

/// What the transaction is to write.
#[derive(Debug, Default)]
pub struct Plan {
    /// New orders, each in the state it has after the batch.
    pub placed: Vec<(Place, State)>,
    /// Orders that were there, in their new state.
    pub ended: Vec<(Uuid, State)>,
    /// Those among them that were paid: their tickets become void and their money goes back.
    pub refunded: Vec<Uuid>,
    /// Refunds that were asked for and need not be asked again, whatever came of it.
    pub answered: Vec<Uuid>,
    pub refused: Vec<(Uuid, Refusal)>,
    /// New values of `committed`, for rows whose version rises.
    pub committed: BTreeMap<ShardKey, i32>,
    /// Epochs that rows have to catch up with.
    pub epochs: BTreeMap<ShardKey, i64>,
    pub settlements: BTreeMap<ShardKey, Settlement>,
    pub events: Vec<(OrderEvent, String)>,
}

/// Decides a batch.
pub fn decide(asked: &[Asked], books: Books, now: DateTime<Utc>) -> Plan {
    let mut desk = Desk { books, now, ..Desk::default() };
    for Asked { command, request_id } in asked {
        match command {
            Command::Place(place) => desk.place(place, request_id),
            Command::Cancel(end) => desk.end(end.order, Event::GivenUp, request_id),
            Command::Expire(end) => desk.end(end.order, Event::TimeOver, request_id),
            Command::Refund(end) => desk.refund(end.order, request_id),
        }
    }
    desk.plan()
}

#[derive(Default)]
struct Desk {
    books: Books,
    now: DateTime<Utc>,
    fresh: Vec<Place>,
    ended: Vec<Uuid>,
    refunded: Vec<Uuid>,
    answered: Vec<Uuid>,
    refused: BTreeMap<Uuid, Refusal>,
    committed: BTreeMap<ShardKey, i32>,
    epochs: BTreeMap<ShardKey, i64>,
    settlements: BTreeMap<ShardKey, Settlement>,
    events: Vec<(OrderEvent, String)>,
}

fn key(line: &PlaceLine) -> ShardKey {
    ShardKey { ticket_type: line.ticket_type, shard: line.shard }
}

impl Desk {
    fn place(&mut self, place: &Place, request_id: &str) {
        if self.books.orders.contains_key(&place.order) {
            // Written before. Tickets that a repeat took are free again.
            self.hand_back(place);
            return;
        }
        if let Some(refusal) = self.objection(place) {
            self.hand_back(place);
            self.refused.insert(place.order, refusal);
            return;
        }
        self.refused.remove(&place.order);
        let state = if place.expires_at <= self.now { State::Expired } else { State::Placed };
        let known = Known {
            state,
            session: place.session,
            show: place.show.clone(),
            amount_minor: place.amount_minor,
            currency: place.currency.clone(),
            expires_at: place.expires_at,
            lines: place.lines.iter().map(|line| (key(line), line.quantity)).collect(),
        };
        let facts = self.facts(place.order, &known);
        self.events.push((OrderEvent::Placed(facts.clone()), request_id.to_owned()));
        if state.keeps_stock() {
            self.take_stock(place);
            self.books.sessions.insert(place.session, place.order);
        } else {
            self.hand_back(place);
            self.events.push((OrderEvent::Expired(facts), request_id.to_owned()));
        }
        self.books.orders.insert(place.order, known);
        self.books.holds.insert(place.hold);
        self.fresh.push(place.clone());
    }

    fn take_stock(&mut self, place: &Place) {
        for line in &place.lines {
            let key = key(line);
            if let Some(stock) =
                self.books.stock.get_mut(&key).filter(|stock| stock.epoch < line.epoch)
            {
                stock.epoch = line.epoch;
                self.epochs.insert(key, line.epoch);
                self.settlement(key).epoch = line.epoch;
            }
            self.move_stock(key, line.quantity);
            self.settlement(key).accepted.push((place.order, line.quantity));
        }
    }

    /// What stands in the way. An order whose time to pay is over takes no stock and is written as
    /// expired: it may have been written, and even paid, before Postgres lost it. One that was
    /// refused then stays refused.
    fn objection(&self, place: &Place) -> Option<Refusal> {
        if self.books.holds.contains(&place.hold) {
            return Some(Refusal::HoldUsed);
        }
        if place.lines.is_empty() {
            return Some(Refusal::StockUnknown);
        }
        if place.expires_at <= self.now {
            return self.books.refused.get(&place.order).copied();
        }
        if self.books.sessions.contains_key(&place.session) {
            return Some(Refusal::OrderOpen);
        }
        for line in &place.lines {
            let Some(stock) = self.books.stock.get(&key(line)) else {
                return Some(Refusal::StockUnknown);
            };
            // A later epoch than the row's was raised, and the row lost it since.
            if line.epoch < stock.epoch {
                return Some(Refusal::StaleEpoch);
            }
            if line.quantity < 1 || stock.committed.saturating_add(line.quantity) > stock.allotted {
                return Some(Refusal::SoldOut);
            }
        }
        None
    }

    fn hand_back(&mut self, place: &Place) {
        for line in &place.lines {
            // Under another epoch there is nothing to return: the rebuild dropped it.
            if self.books.stock.get(&key(line)).is_some_and(|stock| stock.epoch == line.epoch) {
                self.settlement(key(line)).returned.push(place.order);
            }
        }
    }

    fn end(&mut self, order: Uuid, event: Event, request_id: &str) {
        let Some(known) = self.books.orders.get(&order) else { return };
        if event == Event::TimeOver && known.expires_at > self.now {
            return;
        }
        let Ok(state) = state::next(known.state, event) else { return };
        let mut known = known.clone();
        known.state = state;
        self.give_up_stock(order, &known);
        let facts = self.facts(order, &known);
        let event = if state == State::Expired {
            OrderEvent::Expired(facts)
        } else {
            OrderEvent::Cancelled(facts)
        };
        self.events.push((event, request_id.to_owned()));
        self.books.orders.insert(order, known);
        self.ended.push(order);
    }

    /// A paid order's stock goes back at once, and its money when the provider has confirmed it.
    /// Where there is none, the refund is done with that.
    fn refund(&mut self, order: Uuid, request_id: &str) {
        self.answered.push(order);
        let Some(known) = self.books.orders.get(&order) else { return };
        let Ok(pending) = state::next(known.state, Event::RefundForced) else { return };
        let mut known = known.clone();
        known.state = pending;
        if known.amount_minor == 0
            && let Ok(done) = state::next(pending, Event::MoneyReturned)
        {
            known.state = done;
            self.events
                .push((OrderEvent::Refunded(self.facts(order, &known)), request_id.to_owned()));
        }
        self.give_up_stock(order, &known);
        self.books.orders.insert(order, known);
        self.ended.push(order);
        self.refunded.push(order);
    }

    fn give_up_stock(&mut self, order: Uuid, known: &Known) {
        for (shard, quantity) in &known.lines {
            self.move_stock(*shard, -quantity);
            self.settlement(*shard).freed += quantity;
        }
        if self.books.sessions.get(&known.session) == Some(&order) {
            self.books.sessions.remove(&known.session);
        }
    }

    fn move_stock(&mut self, shard: ShardKey, by: i32) {
        if let Some(stock) = self.books.stock.get_mut(&shard) {
            stock.committed += by;
            self.committed.insert(shard, stock.committed);
        }
    }

    fn settlement(&mut self, shard: ShardKey) -> &mut Settlement {
        let stock = self.books.stock.get(&shard).copied();
        self.settlements.entry(shard).or_insert_with(|| Settlement {
            epoch: stock.map_or(0, |stock| stock.epoch),
            version_from: stock.map_or(0, |stock| stock.version),
            version_to: stock.map_or(0, |stock| stock.version),
            ..Settlement::default()
        })
    }

    fn facts(&self, order: Uuid, known: &Known) -> OrderEventData {
        OrderEventData {
            order,
            show: known.show.clone(),
            amount_minor: known.amount_minor,
            currency: known.currency.clone(),
            at: self.now,
        }
    }

    fn plan(mut self) -> Plan {
        for shard in self.committed.keys() {
            if let Some(settlement) = self.settlements.get_mut(shard) {
                settlement.version_to = settlement.version_from + 1;
            }
        }
        let state =
            |order: &Uuid| self.books.orders.get(order).map_or(State::Placed, |known| known.state);
        let fresh: HashSet<Uuid> = self.fresh.iter().map(|place| place.order).collect();
        let ended = self
            .ended
            .iter()
            .filter(|order| !fresh.contains(order))
            .map(|order| (*order, state(order)))
            .collect();
        let placed = self.fresh.iter().map(|place| (place.clone(), state(&place.order))).collect();
        Plan {
            placed,
            ended,
            refunded: self.refunded,
            answered: self.answered,
            refused: self.refused.into_iter().collect(),
            committed: self.committed,
            epochs: self.epochs,
            settlements: self.settlements,
            events: self.events,
        }
    }
}

#[cfg(test)]
mod tests;
