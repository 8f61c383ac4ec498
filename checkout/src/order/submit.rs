//! Submitting an order: a hold goes through the log to the writer, and the caller waits for what it
//! decides.
//!
//! The order's id comes from who asks and the Idempotency-Key, so a repeat finds its own order
//! wherever the first attempt got to.

use chrono::{DateTime, Duration, Utc};
use kit::http::RequestId;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    App, Error,
    hold::{self, Hold, HoldId, current},
    order::{
        OrderId, Submission, WriterDecision,
        buyer::{Buyer, checked},
        command::{Command, SubmitLine, SubmitOrder},
        command_log::SendError,
        query::note_pending,
        reject_reason::RejectReason,
        state::OrderState,
        waiters::LOOK_AGAIN,
    },
    payment::start::start_payment,
    session::signal::line_stock::note_served,
    session::{Session, SessionId, open},
    stock::{
        ShardKey, rebuild,
        redis::{self as shard, ReserveOutcome, SubmitOutcome},
    },
    store::{self, order::OrderConflict},
};

/// Attempts at one call; each but the last ended because stock was rebuilt meanwhile.
const ATTEMPTS_MAX: usize = 3;

/// The id of the order of a session's call.
pub fn order_id(session: SessionId, key: &str) -> OrderId {
    Uuid::new_v5(&session.uuid(), format!("order\n{key}").as_bytes()).into()
}

fn request_hash(hold: HoldId, buyer: &Buyer) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(hold.uuid().as_bytes());
    for text in [&buyer.name, &buyer.email] {
        digest.update(text.len().to_be_bytes());
        digest.update(text.as_bytes());
    }
    digest.finalize().to_vec()
}

/// Makes a hold an order. With the same `key`, hold and buyer it can be repeated and gives the same
/// order.
///
/// # Errors
/// `invalid-field`, the hold's faults, `hold-expired`, `hold-lost`, `hold-used`, `order-open`,
/// `order-unwritable`, `idempotency-mismatch`, `session-ended`, `show-begun`, `sale-stopped`,
/// `show-withdrawn`; `try-again-soon` where Kafka or the stores are away.
pub async fn submit(
    app: &App,
    session: &Session,
    hold: &str,
    buyer: Buyer,
    key: &str,
    request: &RequestId,
) -> Result<Submission, Error> {
    let left = (session.expires_at - Utc::now()).to_std().unwrap_or_default();
    let inside = app.config.session_ttl.saturating_sub(left);
    let call = app.calls.begin_order(&session.room, &session.show, inside);
    let outcome = submit_once(app, session, hold, buyer, key, request).await;
    call.end(&outcome);
    if outcome.as_ref().is_ok_and(is_open) {
        note_served(app, &session.room, session.session, session.expires_at).await;
    }
    let name = match &outcome {
        Ok(Submission::Order(_)) => "placed",
        Ok(Submission::Pending(_)) => "pending",
        Err(Error::Store(_) | Error::Redis(_) | Error::Unavailable(_) | Error::Internal(_)) => {
            "fault"
        }
        Err(_) => "refused",
    };
    metrics::counter!("fairgate_orders_total", "outcome" => name).increment(1);
    outcome
}

/// Whether an order may still be paid: its session is inside, and served.
fn is_open(submission: &Submission) -> bool {
    match submission {
        Submission::Order(order) => {
            matches!(order.state, OrderState::Placed | OrderState::AwaitingPayment)
        }
        Submission::Pending(_) => true,
    }
}

async fn submit_once(
    app: &App,
    session: &Session,
    hold: &str,
    buyer: Buyer,
    key: &str,
    request: &RequestId,
) -> Result<Submission, Error> {
    let buyer = checked(buyer)?;
    let hold = hold::open_token(app, session, hold)?;
    let order = order_id(session.session, key);
    let hash = request_hash(hold.hold, &buyer);

    match store::order::standing(&app.pool, order, hold.hold, session.session).await? {
        OrderConflict::Own { request_hash } if request_hash == hash => {
            return started(app, order, request).await;
        }
        OrderConflict::Own { .. } => return Err(Error::IdempotencyMismatch),
        OrderConflict::HoldUsed => return Err(Error::HoldUsed),
        OrderConflict::SessionHasOrder => return Err(Error::OrderOpen),
        OrderConflict::Clear => {}
    }
    open::ensure_open(app, session).await?;
    app.offer_cache.of(&app.pool, &session.show).await?.ensure_sold(Utc::now())?;

    let attempt = Attempt { app, session, hold: &hold, order, buyer: &buyer, hash: &hash, request };
    for _ in 0..ATTEMPTS_MAX {
        match attempt.run().await? {
            WriterDecision::Written => {
                if let Err(error) = current::forget_open(app, session.session).await {
                    tracing::debug!(%error, "the session's open hold was not forgotten; it is no \
                        longer held anyway");
                }
                return started(app, order, request).await;
            }
            WriterDecision::Pending => {
                note_pending(app, session.session, order).await;
                return Ok(Submission::Pending(order));
            }
            // Stock was rebuilt under us; the tickets can be taken again under the new epoch.
            WriterDecision::Rejected(RejectReason::StaleEpoch) => {}
            WriterDecision::Rejected(reason) => return Err(reason.into()),
        }
    }
    Err(Error::Unavailable(
        "stock was rebuilt again and again while an order was placed".to_owned(),
    ))
}

/// The order, with its payment started if that can be done now.
async fn started(app: &App, order: OrderId, request: &RequestId) -> Result<Submission, Error> {
    start_payment(app, order, request).await;
    let order = store::order::load(&app.pool, order).await?.ok_or(Error::OrderUnknown)?;
    Ok(Submission::Order(Box::new(order)))
}

/// The lines of an order, and which shards a call moved tickets in, with their epoch.
type Moves = (Vec<SubmitLine>, Vec<(ShardKey, i64)>);

struct Attempt<'a> {
    app: &'a App,
    session: &'a Session,
    hold: &'a Hold,
    order: OrderId,
    buyer: &'a Buyer,
    hash: &'a [u8],
    request: &'a RequestId,
}

impl Attempt<'_> {
    async fn run(&self) -> Result<WriterDecision, Error> {
        let app = self.app;
        // What an earlier attempt was refused for must not be taken for the answer to this one.
        store::order::forget_rejection(&app.pool, self.order).await?;
        let waiter = app.waiters.wait(self.order);
        let Some((lines, moved)) = self.move_parts().await? else {
            return Ok(WriterDecision::Written);
        };
        let Some(home) = self.hold.parts().next().map(|(key, _, _)| key) else {
            return Err(Error::HoldLost);
        };
        let command = Command::Submit(Box::new(self.command(lines)));
        match app
            .command_log
            .send(home.partition(app.command_log.partitions), self.order, &command, self.request)
            .await
        {
            Ok(()) => {}
            Err(SendError::NotQueued(cause)) => {
                self.retract(&moved).await;
                return Err(Error::Unavailable(cause));
            }
            // It may be in the log: its tickets stay where they are until the writer or a rebuild
            // settles them.
            Err(SendError::Unknown(cause)) => return Err(Error::Unavailable(cause)),
        }
        let deadline = Instant::now() + app.config.outcome_wait;
        loop {
            let look = deadline.min(Instant::now() + LOOK_AGAIN);
            let _ = tokio::time::timeout_at(look, waiter.news()).await;
            match store::order::decision(&app.pool, self.order).await? {
                WriterDecision::Pending if Instant::now() < deadline => {}
                decision => return Ok(decision),
            }
        }
    }

    fn command(&self, lines: Vec<SubmitLine>) -> SubmitOrder {
        let now = Utc::now();
        let ttl = Duration::from_std(self.app.config.order_ttl).unwrap_or_default();
        SubmitOrder {
            order: self.order,
            session: self.session.session,
            show: self.session.show.clone(),
            hold: self.hold.hold,
            lines,
            amount: self.hold.amount(),
            buyer: self.buyer.clone(),
            request_hash: hex::encode(self.hash),
            placed_at: now,
            expires_at: now + ttl,
        }
    }

    /// Moves every part of the hold to the order; gives the lines, and what this call moved. `None`
    /// where an earlier try was written meanwhile.
    async fn move_parts(&self) -> Result<Option<Moves>, Error> {
        let deadline =
            Utc::now() + Duration::from_std(self.app.config.placing_deadline).unwrap_or_default();
        let (mut lines, mut moved_here) = (Vec::new(), Vec::new());
        for (key, quantity, unit_price_minor) in self.hold.parts() {
            match self.move_part(key, quantity, deadline).await {
                Ok(None) => return Ok(None),
                Ok(Some((epoch, moved))) => {
                    if moved {
                        moved_here.push((key, epoch));
                    }
                    let (ticket_type, shard) = (key.ticket_type, key.shard);
                    lines.push(SubmitLine {
                        ticket_type,
                        shard,
                        quantity,
                        unit_price_minor,
                        epoch,
                    });
                }
                Err(error) => {
                    self.retract(&moved_here).await;
                    return Err(error);
                }
            }
        }
        Ok(Some((lines, moved_here)))
    }

    /// The epoch under which the part is being submitted, and whether it was moved now. `None`
    /// where the order is written.
    async fn move_part(
        &self,
        key: ShardKey,
        quantity: i32,
        deadline: DateTime<Utc>,
    ) -> Result<Option<(i64, bool)>, Error> {
        let (redis, hold) = (&self.app.redis, self.hold.hold);
        for _ in 0..ATTEMPTS_MAX {
            match shard::submit(redis, key, hold, self.order, quantity, deadline).await? {
                SubmitOutcome::Placing { epoch, moved } => return Ok(Some((epoch, moved))),
                SubmitOutcome::Missing => rebuild::ensure_present(self.app, key).await?,
                // The hold is also gone when an earlier try of this order was settled since we
                // looked for it.
                SubmitOutcome::Gone if self.is_written().await? => return Ok(None),
                SubmitOutcome::Gone if self.hold.expires_at <= Utc::now() => {
                    return Err(Error::HoldExpired);
                }
                SubmitOutcome::Gone
                    if current::is_given_up(self.app, self.session, hold).await? =>
                {
                    return Err(Error::HoldLost);
                }
                // Lost with Redis before its time: it may take the same tickets again, if they are
                // still there.
                SubmitOutcome::Gone => {
                    match shard::reserve(redis, key, hold, quantity, self.hold.expires_at, None)
                        .await?
                    {
                        ReserveOutcome::Held | ReserveOutcome::Missing => {}
                        ReserveOutcome::Insufficient(_) => return Err(Error::HoldLost),
                    }
                }
            }
        }
        Err(Error::Unavailable(format!("stock shard {key} went missing while an order was placed")))
    }

    async fn is_written(&self) -> Result<bool, Error> {
        Ok(store::order::decision(&self.app.pool, self.order).await? == WriterDecision::Written)
    }

    /// Frees what was moved for a command that certainly is not in the log.
    async fn retract(&self, moved: &[(ShardKey, i64)]) {
        for (key, epoch) in moved {
            if let Err(error) = shard::retract(&self.app.redis, *key, self.order, *epoch).await {
                tracing::warn!(%error, "a placing was not taken back; the reconciler will see to \
                    it");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buyer(name: &str, email: &str) -> Buyer {
        Buyer { name: name.to_owned(), email: email.to_owned(), language: None }
    }

    #[test]
    fn the_hash_tells_requests_apart() {
        let hold = HoldId::from(Uuid::nil());
        let hash = request_hash(hold, &buyer("ab", "c"));
        assert_eq!(hash, request_hash(hold, &buyer("ab", "c")));
        assert_ne!(hash, request_hash(hold, &buyer("a", "bc")));
        assert_ne!(hash, request_hash(Uuid::max().into(), &buyer("ab", "c")));
    }
}
