//! Reserving a hold's tickets in the shards of Redis, and releasing them.
//!
//! A hold that comes in the place of an earlier one uses that one's tickets first: in each shard
//! one script moves them over and takes what is missing. What the earlier hold has beyond that
//! stays its own until all of the new one could be had, so that nobody else can take it and a
//! refusal leaves the earlier hold as it was. A type's tickets are never held twice over.

use std::collections::BTreeSet;

use admission::contract::TypeStock;
use catalog::contract::TicketTypeId;
use chrono::{DateTime, Utc};
use kit::redis::Redis;

use crate::{
    App, Error,
    hold::{HeldItem, Hold, HoldId, HoldItem},
    session::Session,
    stock::{
        self, ShardKey,
        offer::Offer,
        rebuild,
        redis::{self as shard, ReserveOutcome},
        show_stock,
    },
};

/// How often a plan that others foiled is made anew.
const ROUNDS_MAX: usize = 3;

/// What is asked for, and by whom.
pub struct Wanted<'a> {
    pub session: &'a Session,
    pub items: &'a [HoldItem],
    pub offer: &'a Offer,
    pub hold: HoldId,
    pub until: DateTime<Utc>,
}

/// What was reserved.
pub struct Reservation {
    pub items: Vec<HeldItem>,
    /// Whether tickets of the earlier hold were used.
    pub reused: bool,
}

/// Reserves all items, or none. The session's `earlier` hold is used first; what is left of it is
/// still held afterwards, and all of it where the items cannot be had.
pub async fn reserve_all(
    app: &App,
    wanted: &Wanted<'_>,
    earlier: Option<&Hold>,
) -> Result<Reservation, Error> {
    match Reserver::new(app, wanted, earlier).all().await {
        Err(ReserveError::Refused(error)) => Err(error),
        // What is gone cannot be kept.
        Err(ReserveError::EarlierGone) => match Reserver::new(app, wanted, None).all().await {
            Err(ReserveError::Refused(error)) => Err(error),
            Err(ReserveError::EarlierGone) => {
                Err(Error::internal("a hold without an earlier one missed it"))
            }
            Ok(items) => Ok(Reservation { items, reused: false }),
        },
        Ok(items) => Ok(Reservation { items, reused: earlier.is_some() }),
    }
}

/// Releases a whole hold.
pub async fn release_all(redis: &Redis, hold: &Hold) -> Result<(), Error> {
    for (key, _, _) in hold.parts() {
        shard::release(redis, key, hold.hold).await?;
    }
    Ok(())
}

/// Why not all could be reserved.
enum ReserveError {
    Refused(Error),
    /// The earlier hold is not in Redis as its token says.
    EarlierGone,
}

impl From<Error> for ReserveError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// The answer to reserving tickets of one type.
enum Parts {
    /// Shard and quantity of each part.
    All(Vec<(i32, i32)>),
    /// Carries how many can be had.
    Insufficient(i64),
}

struct Reserver<'a> {
    app: &'a App,
    wanted: &'a Wanted<'a>,
    earlier: Option<&'a Hold>,
    /// Where something was reserved, or may have been.
    reserved: BTreeSet<ShardKey>,
}

impl<'a> Reserver<'a> {
    fn new(app: &'a App, wanted: &'a Wanted<'a>, earlier: Option<&'a Hold>) -> Self {
        Self { app, wanted, earlier, reserved: BTreeSet::new() }
    }

    async fn all(mut self) -> Result<Vec<HeldItem>, ReserveError> {
        let items = self.every_item().await;
        if items.is_err() {
            for key in self.reserved.iter().copied().collect::<Vec<_>>() {
                self.undo(key).await;
            }
        }
        items
    }

    async fn every_item(&mut self) -> Result<Vec<HeldItem>, ReserveError> {
        let wanted = self.wanted;
        let mut held = Vec::with_capacity(wanted.items.len());
        for item in wanted.items {
            let Some(offered) = wanted.offer.ticket_type(item.ticket_type) else { continue };
            let shards = wanted.offer.shards(item.ticket_type);
            let order = stock::trying_order(wanted.session.session, item.ticket_type, shards);
            let kept = self.earlier.map_or(0, Hold::quantity);
            match self.reserve(item, &order).await? {
                Parts::All(parts) => {
                    let unit_price_minor = offered.price.minor;
                    held.push(HeldItem { ticket_type: item.ticket_type, unit_price_minor, parts });
                }
                Parts::Insufficient(0) => {
                    let may_come_back = self.may_come_back(item.ticket_type).await;
                    let ticket_type = offered.name.clone();
                    return Err(Error::SoldOut { ticket_type, kept, may_come_back }.into());
                }
                Parts::Insufficient(left) => {
                    return Err(Error::NotEnoughLeft {
                        ticket_type: offered.name.clone(),
                        left,
                        kept,
                    }
                    .into());
                }
            }
        }
        Ok(held)
    }

    /// Whether tickets of a type are in other fans' hands; so it is told where nobody knows.
    async fn may_come_back(&self, ticket_type: TicketTypeId) -> bool {
        let stock = show_stock::of(self.app, &self.wanted.session.show).await;
        stock.map_or(true, |stock| {
            let of_type = |known: &&TypeStock| known.ticket_type == ticket_type.uuid();
            stock.types.iter().find(of_type).is_none_or(|known| known.held > 0 || known.free > 0)
        })
    }

    async fn reserve(&mut self, item: &HoldItem, order: &[i32]) -> Result<Parts, ReserveError> {
        let key = |shard| ShardKey { ticket_type: item.ticket_type, shard };
        let earlier = self.earlier.and_then(|earlier| earlier.item(item.ticket_type));
        let own = stock::reused(item.quantity, earlier.map_or(&[], |earlier| &earlier.parts));
        let more = item.quantity - own.iter().map(|(_, part)| part).sum::<i32>();
        // What is missing comes first: until it is there, the earlier hold stays whole.
        let added = match self.reserve_more(item.ticket_type, more, &own, order).await? {
            Parts::All(parts) => parts,
            insufficient @ Parts::Insufficient(_) => return Ok(insufficient),
        };
        for (shard, part) in
            own.iter().filter(|(shard, _)| !added.iter().any(|(other, _)| other == shard))
        {
            if self.one(key(*shard), *part).await?.is_some() {
                return Err(ReserveError::EarlierGone);
            }
        }
        Ok(Parts::All(stock::sum_parts(&own, &added)))
    }

    /// Reserves `more` tickets beyond `own`, and what of `own` is in the same shards with them.
    async fn reserve_more(
        &mut self,
        ticket_type: TicketTypeId,
        more: i32,
        own: &[(i32, i32)],
        order: &[i32],
    ) -> Result<Parts, Error> {
        if more == 0 {
            return Ok(Parts::All(Vec::new()));
        }
        let owned = |shard: i32| own.iter().find(|part| part.0 == shard).map_or(0, |part| part.1);
        let key = |shard| ShardKey { ticket_type, shard };
        let others = order.iter().copied().filter(|shard| owned(*shard) == 0);
        let mut free: Vec<(i32, i64)> = Vec::with_capacity(order.len());
        for shard in own.iter().map(|(shard, _)| *shard).chain(others) {
            match self.one(key(shard), owned(shard) + more).await? {
                None => return Ok(Parts::All(vec![(shard, more)])),
                Some(left) => free.push((shard, left - i64::from(owned(shard)))),
            }
        }
        // No shard has them all: several do together.
        for _ in 0..ROUNDS_MAX {
            let Some(plan) = stock::allocate(more, &free) else { break };
            let mut short = None;
            for (shard, part) in &plan {
                if let Some(left) = self.one(key(*shard), owned(*shard) + part).await? {
                    short = Some((*shard, left - i64::from(owned(*shard))));
                    break;
                }
            }
            let Some((shard, left)) = short else { return Ok(Parts::All(plan)) };
            for (shard, _) in plan.iter().take_while(|(planned, _)| *planned != shard) {
                self.undo(key(*shard)).await;
            }
            for known in free.iter_mut().filter(|known| known.0 == shard) {
                known.1 = left;
            }
        }
        // Others were faster every time, while the sum said there was enough.
        let left = stock::total_free(&free).min(i64::from(more) - 1);
        let own = own.iter().map(|(_, part)| i64::from(*part)).sum::<i64>();
        Ok(Parts::Insufficient(left + own))
    }

    /// Makes the hold's part in one shard so large, filling the shard first where Redis does not
    /// know it. `Some` says how many can be had instead.
    async fn one(&mut self, key: ShardKey, quantity: i32) -> Result<Option<i64>, Error> {
        let (redis, wanted, earlier) = (&self.app.redis, self.wanted, self.earlier);
        for _ in 0..2 {
            match shard::reserve(
                redis,
                key,
                wanted.hold,
                quantity,
                wanted.until,
                earlier.map(|earlier| earlier.hold),
            )
            .await
            {
                Ok(ReserveOutcome::Held) => {
                    self.reserved.insert(key);
                    return Ok(None);
                }
                Ok(ReserveOutcome::Insufficient(left)) => return Ok(Some(left)),
                Ok(ReserveOutcome::Missing) => rebuild::ensure_present(self.app, key).await?,
                Err(error) => {
                    // It may be done.
                    self.reserved.insert(key);
                    return Err(error.into());
                }
            }
        }
        Err(Error::Unavailable(format!("stock shard {key} went missing twice")))
    }

    /// Releases what was reserved in one shard, also by an attempt before: first to the earlier
    /// hold what that lacks.
    async fn undo(&mut self, key: ShardKey) {
        let (redis, hold) = (&self.app.redis, self.wanted.hold);
        self.reserved.remove(&key);
        let undone = match self.earlier {
            Some(earlier) => {
                shard::release_to(
                    redis,
                    key,
                    hold,
                    earlier.hold,
                    earlier.part(key),
                    earlier.expires_at,
                )
                .await
            }
            None => shard::release(redis, key, hold).await,
        };
        if let Err(error) = undone {
            tracing::warn!(%error, "a part of a hold was not given back; it runs out by itself");
        }
    }
}
