//! Holding tickets for a session, in the place of what it held before.

use chrono::{DateTime, Duration, Utc};
use kit::redis::Redis;
use redis::AsyncCommands;
use sha2::{Digest, Sha256};
use tracing::Instrument;

use crate::{
    App, Error,
    hold::{
        Held, Hold, HoldId, HoldItem, ITEMS_MAX,
        current::{note_released, open_hold, remember_open},
        hold_id, open_token, reserve,
    },
    session::signal::{
        calls::CallKind,
        line_stock::{note_served, note_took},
    },
    session::{Session, activity, open},
    stock::{offer::Offer, redis as shard},
};

/// How long a call that never ended keeps others with its key waiting.
const PENDING_MS: u64 = 15_000;

/// Holds tickets for a session, in the place of its earlier hold, which stays where the new one
/// cannot be had. With the same `key` and items it can be repeated and gives the same hold.
///
/// # Errors
/// `invalid-field`, `ticket-type-unknown`, `not-enough-left`, `sold-out`, `idempotency-mismatch`,
/// `request-in-progress`, `session-ended`, `show-begun`, `sale-stopped`, `show-withdrawn`.
pub async fn reserve(
    app: &App,
    session: &Session,
    items: &[HoldItem],
    key: &str,
) -> Result<Held, Error> {
    let (own_app, session, items, key) =
        (app.clone(), session.clone(), items.to_vec(), key.to_owned());
    let call = app.calls.begin(&session.room, &session.show, CallKind::Hold);
    // Its own task: a caller who hangs up does not leave one hold half-way in the place of another.
    let taking = async move {
        let outcome = reserve_once(&own_app, &session, &items, &key).await;
        if matches!(&outcome, Err(Error::SoldOut { .. } | Error::NotEnoughLeft { .. })) {
            // What comes back is not kept for who found nothing: the next in line may come for it.
            note_served(&own_app, &session.room, session.session, session.expires_at).await;
        }
        outcome
    };
    let taking = taking.in_current_span();
    let outcome = tokio::spawn(taking).await.map_err(Error::internal).flatten();
    call.end(&outcome);
    let name = match &outcome {
        Ok(_) => "held",
        Err(Error::SoldOut { .. }) => "sold_out",
        Err(Error::NotEnoughLeft { .. }) => "not_enough_left",
        Err(Error::Store(_) | Error::Redis(_) | Error::Unavailable(_) | Error::Internal(_)) => {
            "fault"
        }
        Err(_) => "refused",
    };
    metrics::counter!("fairgate_holds_total", "outcome" => name).increment(1);
    outcome
}

async fn reserve_once(
    app: &App,
    session: &Session,
    items: &[HoldItem],
    key: &str,
) -> Result<Held, Error> {
    let offer = app.offer_cache.of(&app.pool, &session.show).await?;
    offer.ensure_sold(Utc::now())?;
    check(items, &offer)?;
    let hold = hold_id(session.session, key);
    let call =
        IdempotentCall { key: app.redis.key("hold-call", &hold.to_string()), hash: hash(items) };
    // Two servers, asked at the same time.
    let (open, begun) = tokio::join!(open::ensure_open(app, session), call.begin(&app.redis));
    if let Err(error) = open {
        if matches!(begun, Ok(None)) {
            call.forget(&app.redis).await;
        }
        return Err(error);
    }
    if let Some(token) = begun? {
        return Ok(Held { hold: open_token(app, session, &token)?, token });
    }
    let result = replace(app, session, items, &offer, hold).await;
    match &result {
        Ok(held) => call.end(&app.redis, held).await?,
        Err(_) => call.forget(&app.redis).await,
    }
    result
}

/// Takes a new hold in the place of the session's earlier one.
async fn replace(
    app: &App,
    session: &Session,
    items: &[HoldItem],
    offer: &Offer,
    hold: HoldId,
) -> Result<Held, Error> {
    let earlier = open_hold(app, session.session).await?;
    if let Some(known) = earlier.as_ref().filter(|earlier| earlier.hold == hold) {
        // An attempt before got as far as this without the answer being kept.
        let held = || Ok(Held { token: app.hold_seal.seal(known)?, hold: known.clone() });
        return if known.is_of(items) { held() } else { Err(Error::IdempotencyMismatch) };
    }
    let currency = items
        .first()
        .and_then(|item| offer.ticket_type(item.ticket_type))
        .map(|ticket_type| ticket_type.price.currency)
        .ok_or_else(|| Error::internal("a ticket type has no currency"))?;
    let until = session.expires_at.min(Utc::now() + app.config.hold_ttl);
    // Whole milliseconds are what the token and Redis keep.
    let until = DateTime::from_timestamp_millis(until.timestamp_millis()).unwrap_or(until);
    let wanted = reserve::Wanted { session, items, offer, hold, until };
    let reserve::Reservation { items, reused } =
        match reserve::reserve_all(app, &wanted, earlier.as_ref()).await {
            Ok(reservation) => reservation,
            Err(error) => {
                if let Some(earlier) = &earlier {
                    release_unless_open(app, earlier).await;
                }
                return Err(error);
            }
        };
    let ends_at = session.expires_at;
    let (room, session, show) = (&session.room, session.session, session.show.clone());
    let hold = Hold { hold, session, show, items, currency, expires_at: until };
    let token = app.hold_seal.seal(&hold)?;
    let noted_before = remember_open(app, &hold).await?;
    note_took(app, room, &hold, earlier.as_ref(), ends_at).await;
    activity::busy_until(app, room, hold.session, until).await;
    // What the new hold did not need of the earlier one; and all of another that was taken at the
    // same time.
    let others =
        earlier.iter().chain(noted_before.iter().filter(|other| earlier.as_ref() != Some(*other)));
    for other in others {
        // Else its token would be as good as one that Redis lost, once the session has no open hold
        // any more.
        note_released(app, other).await?;
        for (key, quantity, _) in other.parts() {
            let used_up = reused && earlier.as_ref() == Some(other) && hold.part(key) >= quantity;
            if !used_up {
                shard::release(&app.redis, key, other.hold).await?;
            }
        }
    }
    Ok(Held { token, hold })
}

/// A hold to which tickets were just returned may have been replaced or ordered meanwhile; then
/// nobody else would give them back.
async fn release_unless_open(app: &App, earlier: &Hold) {
    let given_back = async {
        if open_hold(app, earlier.session).await?.is_none_or(|open| open.hold != earlier.hold) {
            reserve::release_all(&app.redis, earlier).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = given_back.await {
        tracing::warn!(%error, "a hold that may have been replaced was not looked after; it runs \
            out by itself");
    }
}

fn check(items: &[HoldItem], offer: &Offer) -> Result<(), Error> {
    let field = |field: String, detail: String| Err(Error::Field { field, detail });
    if items.is_empty() || items.len() > ITEMS_MAX {
        return field("items".to_owned(), format!("must be 1 to {ITEMS_MAX} items"));
    }
    let mut currency = None;
    for (index, item) in items.iter().enumerate() {
        let Some(ticket_type) = offer.ticket_type(item.ticket_type) else {
            return Err(Error::TicketTypeUnknown { field: format!("items[{index}].ticket_type") });
        };
        let max = ticket_type.per_order_max;
        if !(1..=max).contains(&item.quantity) {
            return field(
                format!("items[{index}].quantity"),
                format!("must be 1 to {max} for this ticket type"),
            );
        }
        if items.iter().take(index).any(|other| other.ticket_type == item.ticket_type) {
            return field(
                format!("items[{index}].ticket_type"),
                "is named twice; add the quantities up".to_owned(),
            );
        }
        let of_this = ticket_type.price.currency;
        if *currency.get_or_insert(of_this) != of_this {
            return field(
                format!("items[{index}].ticket_type"),
                "is sold in another currency".to_owned(),
            );
        }
    }
    Ok(())
}

fn hash(items: &[HoldItem]) -> String {
    let mut digest = Sha256::new();
    for item in items {
        digest.update(item.ticket_type.uuid().as_bytes());
        digest.update(item.quantity.to_be_bytes());
    }
    hex::encode(digest.finalize())
}

/// One call under an Idempotency-Key: `<hash>` while it runs, `<hash> <token>` once it has an
/// answer.
struct IdempotentCall {
    key: String,
    hash: String,
}

impl IdempotentCall {
    /// The right to go on (`None`), or the answer given before.
    async fn begin(&self, redis: &Redis) -> Result<Option<String>, Error> {
        let mut connection = redis.connection();
        let fresh: Option<String> = redis::cmd("SET")
            .arg(&self.key)
            .arg(&self.hash)
            .arg("NX")
            .arg("PX")
            .arg(PENDING_MS)
            .query_async(&mut connection)
            .await?;
        if fresh.is_some() {
            return Ok(None);
        }
        let known: Option<String> = connection.get(&self.key).await?;
        // It ended between our two looks; the caller repeats and gets the right.
        let Some(known) = known else { return Err(Error::InProgress) };
        let (hash, token) = known.split_once(' ').unwrap_or((&known, ""));
        match (hash == self.hash, token) {
            (false, _) => Err(Error::IdempotencyMismatch),
            (true, "") => Err(Error::InProgress),
            (true, token) => Ok(Some(token.to_owned())),
        }
    }

    async fn end(&self, redis: &Redis, held: &Held) -> Result<(), Error> {
        let ttl_ms =
            (held.hold.expires_at - Utc::now()).max(Duration::milliseconds(1)).num_milliseconds();
        let answer = format!("{} {}", self.hash, held.token);
        let () = redis.connection().pset_ex(&self.key, answer, ttl_ms.unsigned_abs()).await?;
        Ok(())
    }

    async fn forget(&self, redis: &Redis) {
        // If this fails the key goes by itself soon.
        let _: Result<(), _> = redis.connection().del(&self.key).await;
    }
}
