//! Taking a hold's tickets from the shards of Redis, and giving them back.

use chrono::{DateTime, Utc};
use kit::redis::Redis;
use uuid::Uuid;

use crate::{
    App, Error,
    hold::{HeldItem, Hold, Item},
    offer::Offer,
    rebuild,
    session::Session,
    shard::{self, Taken},
    stock::{self, ShardKey},
};

/// How often a plan that others foiled is made anew.
const ROUNDS_MAX: usize = 3;

/// Takes all items, or none: what was taken goes back when one cannot be had.
pub async fn take_all(
    app: &App,
    session: &Session,
    items: &[Item],
    offer: &Offer,
    hold: Uuid,
    until: DateTime<Utc>,
) -> Result<Vec<HeldItem>, Error> {
    let mut held: Vec<HeldItem> = Vec::with_capacity(items.len());
    for item in items {
        let Some(ticket_type) = offer.ticket_type(item.ticket_type) else { continue };
        let order = stock::trying_order(session.session, item.ticket_type, offer.shards(item.ticket_type));
        let taking = Taking { app, ticket_type: item.ticket_type, hold, until };
        let name = || ticket_type.name.clone();
        let refusal = match taking.take(item.quantity, &order).await {
            Ok(Ok(parts)) => {
                let unit_price_minor = ticket_type.price_minor;
                held.push(HeldItem { ticket_type: item.ticket_type, unit_price_minor, parts });
                continue;
            }
            Ok(Err(0)) => Error::SoldOut { ticket_type: name() },
            Ok(Err(left)) => Error::NotEnoughLeft { ticket_type: name(), left },
            Err(error) => error,
        };
        for item in &held {
            give_back_parts(&app.redis, item.ticket_type, &item.parts, hold).await;
        }
        return Err(refusal);
    }
    Ok(held)
}

/// Gives a whole hold back.
pub async fn give_back(redis: &Redis, hold: &Hold) -> Result<(), Error> {
    for (key, _, _) in hold.parts() {
        shard::give_back(redis, key, hold.hold).await?;
    }
    Ok(())
}

async fn give_back_parts(redis: &Redis, ticket_type: Uuid, parts: &[(i32, i32)], hold: Uuid) {
    for (shard, _) in parts {
        if let Err(error) = shard::give_back(redis, ShardKey { ticket_type, shard: *shard }, hold).await {
            tracing::warn!(%error, "a part of a hold was not given back; it runs out by itself");
        }
    }
}

struct Taking<'a> {
    app: &'a App,
    ticket_type: Uuid,
    hold: Uuid,
    until: DateTime<Utc>,
}

impl Taking<'_> {
    /// The parts taken, or how many tickets are left.
    async fn take(&self, quantity: i32, order: &[i32]) -> Result<Result<Vec<(i32, i32)>, i64>, Error> {
        let mut free: Vec<(i32, i64)> = Vec::with_capacity(order.len());
        for shard in order {
            match self.one(*shard, quantity).await? {
                None => return Ok(Ok(vec![(*shard, quantity)])),
                Some(left) => free.push((*shard, left)),
            }
        }
        // No shard has them all: gather.
        for _ in 0..ROUNDS_MAX {
            let Some(plan) = stock::gather(quantity, &free) else { break };
            let mut parts = Vec::with_capacity(plan.len());
            let mut foiled = None;
            for (shard, part) in plan {
                match self.one(shard, part).await {
                    Ok(None) => parts.push((shard, part)),
                    Ok(Some(left)) => {
                        foiled = Some(Ok((shard, left)));
                        break;
                    }
                    Err(error) => {
                        foiled = Some(Err(error));
                        break;
                    }
                }
            }
            let Some(foiled) = foiled else { return Ok(Ok(parts)) };
            give_back_parts(&self.app.redis, self.ticket_type, &parts, self.hold).await;
            let (shard, left) = foiled?;
            for known in free.iter_mut().filter(|known| known.0 == shard) {
                known.1 = left;
            }
        }
        let left = stock::left(&free);
        // Others were faster every time, while the sum said there was enough.
        Ok(Err(left.min(i64::from(quantity) - 1)))
    }

    /// Takes from one shard, filling it first where Redis does not know it. `Some` says how many it has instead.
    async fn one(&self, shard: i32, quantity: i32) -> Result<Option<i64>, Error> {
        let key = ShardKey { ticket_type: self.ticket_type, shard };
        for _ in 0..2 {
            match shard::take(&self.app.redis, key, self.hold, quantity, self.until).await? {
                Taken::Held => return Ok(None),
                Taken::Short(left) => return Ok(Some(left)),
                Taken::Missing => rebuild::ensure_present(self.app, key).await?,
            }
        }
        Err(Error::Unavailable(format!("stock shard {key} went missing twice")))
    }
}
