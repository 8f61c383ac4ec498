//! Holds: tickets set aside for a session, for a while.
//!
//! A hold is a sealed token that says where its tickets were taken. Redis knows what is held;
//! should it forget, the token is enough to take the same tickets again, or to be refused honestly.

use chrono::{DateTime, Duration, Utc};
use kit::redis::Redis;
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tracing::Instrument;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App, Error,
    session::{self, Session},
    stock::{ShardKey, offer::Offer, redis as shard},
};

pub mod reserve;

/// Kinds of tickets in one hold at most.
pub const ITEMS_MAX: usize = 8;
/// How long a call that never ended keeps others with its key waiting.
const PENDING_MS: u64 = 15_000;

/// So many tickets of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub ticket_type: Uuid,
    /// At least 1, at most the type's `per_order_max`.
    #[schema(minimum = 1, maximum = 50)]
    pub quantity: i32,
}

/// What a hold token says. Short names, because a token is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    #[serde(rename = "h")]
    pub hold: Uuid,
    #[serde(rename = "s")]
    pub session: Uuid,
    #[serde(rename = "w")]
    pub show: String,
    #[serde(rename = "i")]
    pub items: Vec<HeldItem>,
    #[serde(rename = "c")]
    pub currency: String,
    #[serde(rename = "x", with = "chrono::serde::ts_milliseconds")]
    pub expires_at: DateTime<Utc>,
}

/// Tickets of one type, and the shards they were taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldItem {
    #[serde(rename = "t")]
    pub ticket_type: Uuid,
    #[serde(rename = "p")]
    pub unit_price_minor: i64,
    /// Shard and quantity.
    #[serde(rename = "n")]
    pub parts: Vec<(i32, i32)>,
}

impl HeldItem {
    pub fn quantity(&self) -> i32 {
        self.parts.iter().map(|(_, quantity)| quantity).sum()
    }
}

impl Hold {
    /// What it costs, in the currency's minor unit.
    pub fn amount_minor(&self) -> i64 {
        self.items.iter().map(|item| item.unit_price_minor * i64::from(item.quantity())).sum()
    }

    /// Tickets of all types.
    pub fn quantity(&self) -> i32 {
        self.items.iter().map(HeldItem::quantity).sum()
    }

    /// Its tickets of one type.
    pub fn item(&self, ticket_type: Uuid) -> Option<&HeldItem> {
        self.items.iter().find(|item| item.ticket_type == ticket_type)
    }

    /// Its tickets in one shard.
    pub fn part(&self, shard: ShardKey) -> i32 {
        self.parts().filter(|(key, _, _)| *key == shard).map(|(_, quantity, _)| quantity).sum()
    }

    fn is_of(&self, items: &[Item]) -> bool {
        let held = self.items.iter().map(|item| (item.ticket_type, item.quantity()));
        held.eq(items.iter().map(|item| (item.ticket_type, item.quantity)))
    }

    /// The shards it was taken from, with their quantities and unit prices.
    pub fn parts(&self) -> impl Iterator<Item = (ShardKey, i32, i64)> + '_ {
        self.items.iter().flat_map(|item| {
            let key = |shard| ShardKey { ticket_type: item.ticket_type, shard };
            item.parts
                .iter()
                .map(move |(shard, quantity)| (key(*shard), *quantity, item.unit_price_minor))
        })
    }
}

/// A hold with its token.
#[derive(Debug, Clone)]
pub struct Held {
    pub token: String,
    pub hold: Hold,
}

fn hold_id(session: Uuid, key: &str) -> Uuid {
    Uuid::new_v5(&session, format!("hold\n{key}").as_bytes())
}

/// Opens a hold token of this session. Whether it has run out, `expires_at` says.
///
/// # Errors
/// `hold-malformed`, `hold-key-unknown`, `hold-forged`, `hold-foreign`.
pub fn of_token(app: &App, session: &Session, token: &str) -> Result<Hold, Error> {
    let hold = read(app, token)?;
    if hold.session == session.session { Ok(hold) } else { Err(Error::HoldForeign) }
}

/// What a hold token says, whosever it is.
///
/// # Errors
/// `hold-malformed`, `hold-key-unknown`, `hold-forged`.
pub fn read(app: &App, token: &str) -> Result<Hold, Error> {
    app.hold_seal.open(token).map_err(Error::HoldToken)
}

/// Holds tickets for a session, in the place of its earlier hold, which stays where the new one
/// cannot be had. With the same `key` and items it can be repeated and gives the same hold.
///
/// # Errors
/// `invalid-field`, `ticket-type-unknown`, `not-enough-left`, `sold-out`, `idempotency-mismatch`,
/// `request-in-progress`, `session-ended`, `show-begun`, `sale-stopped`, `show-withdrawn`.
pub async fn take(app: &App, session: &Session, items: &[Item], key: &str) -> Result<Held, Error> {
    let (own_app, session, items, key) =
        (app.clone(), session.clone(), items.to_vec(), key.to_owned());
    // Its own task: a caller who hangs up does not leave one hold half-way in the place of another.
    let taking = async move { take_once(&own_app, &session, &items, &key).await }.in_current_span();
    let outcome = tokio::spawn(taking).await.map_err(Error::internal)?;
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

async fn take_once(app: &App, session: &Session, items: &[Item], key: &str) -> Result<Held, Error> {
    let offer = app.offers.of(&app.pool, &session.show).await?;
    offer.ensure_sold(Utc::now())?;
    check(items, &offer)?;
    let hold = hold_id(session.session, key);
    let call = Call { key: app.redis.key("hold-call", &hold.to_string()), hash: hash(items) };
    // Two servers, asked at the same time.
    let (open, begun) = tokio::join!(session::ensure_open(app, session), call.begin(&app.redis));
    if let Err(error) = open {
        if matches!(begun, Ok(None)) {
            call.forget(&app.redis).await;
        }
        return Err(error);
    }
    if let Some(token) = begun? {
        return Ok(Held { hold: of_token(app, session, &token)?, token });
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
    items: &[Item],
    offer: &Offer,
    hold: Uuid,
) -> Result<Held, Error> {
    let earlier = open_hold(app, session.session).await?;
    if let Some(known) = earlier.as_ref().filter(|earlier| earlier.hold == hold) {
        // An attempt before got as far as this without the answer being kept.
        let held = || Ok(Held { token: app.hold_seal.seal(known)?, hold: known.clone() });
        return if known.is_of(items) { held() } else { Err(Error::IdempotencyMismatch) };
    }
    let until = session.expires_at.min(Utc::now() + app.config.hold_ttl);
    // Whole milliseconds are what the token and Redis keep.
    let until = DateTime::from_timestamp_millis(until.timestamp_millis()).unwrap_or(until);
    let wanted = reserve::Wanted { session, items, offer, hold, until };
    let reserve::Gathered { items, reused } =
        match reserve::take_all(app, &wanted, earlier.as_ref()).await {
            Ok(gathered) => gathered,
            Err(error) => {
                if let Some(earlier) = &earlier {
                    give_back_unless_open(app, earlier).await;
                }
                return Err(error);
            }
        };
    let currency = items
        .first()
        .and_then(|item| offer.ticket_type(item.ticket_type))
        .map(|ticket_type| ticket_type.currency.clone())
        .unwrap_or_default();
    let (session, show) = (session.session, session.show.clone());
    let hold = Hold { hold, session, show, items, currency, expires_at: until };
    let token = app.hold_seal.seal(&hold)?;
    let noted_before = remember_open(app, &hold).await?;
    // What the new hold did not need of the earlier one; and all of another that was taken at the
    // same time.
    let others =
        earlier.iter().chain(noted_before.iter().filter(|other| earlier.as_ref() != Some(*other)));
    for other in others {
        // Else its token would be as good as one that Redis lost, once the session has no open hold
        // any more.
        note_given_back(app, other).await?;
        for (key, quantity, _) in other.parts() {
            let used_up = reused && earlier.as_ref() == Some(other) && hold.part(key) >= quantity;
            if !used_up {
                shard::give_back(&app.redis, key, other.hold).await?;
            }
        }
    }
    Ok(Held { token, hold })
}

/// A hold to which tickets were just returned may have been replaced or ordered meanwhile; then
/// nobody else would give them back.
async fn give_back_unless_open(app: &App, earlier: &Hold) {
    let given_back = async {
        if open_hold(app, earlier.session).await?.is_none_or(|open| open.hold != earlier.hold) {
            reserve::give_back(&app.redis, earlier).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = given_back.await {
        tracing::warn!(%error, "a hold that may have been replaced was not looked after; it runs \
            out by itself");
    }
}

fn check(items: &[Item], offer: &Offer) -> Result<(), Error> {
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
        if *currency.get_or_insert(&ticket_type.currency) != &ticket_type.currency {
            return field(
                format!("items[{index}].ticket_type"),
                "is sold in another currency".to_owned(),
            );
        }
    }
    Ok(())
}

/// Gives a hold back. One that ran out or became an order changes nothing.
///
/// # Errors
/// As [`of_token`].
pub async fn give_back(app: &App, session: &Session, token: &str) -> Result<(), Error> {
    let hold = of_token(app, session, token)?;
    note_given_back(app, &hold).await?;
    reserve::give_back(&app.redis, &hold).await?;
    if open_hold(app, session.session).await?.is_some_and(|open| open.hold == hold.hold) {
        forget_open(app, session.session).await?;
    }
    metrics::counter!("fairgate_holds_total", "outcome" => "given_back").increment(1);
    Ok(())
}

fn given_back_key(redis: &Redis, hold: Uuid) -> String {
    redis.key("hold-given-back", &hold.to_string())
}

/// Notes for as long as its token is good that a hold was given back or replaced, so that it is not
/// taken for one that Redis lost.
async fn note_given_back(app: &App, hold: &Hold) -> Result<(), Error> {
    let ttl_ms = (hold.expires_at - Utc::now()).max(Duration::milliseconds(1)).num_milliseconds();
    let key = given_back_key(&app.redis, hold.hold);
    let () = app.redis.connection().pset_ex(key, 1, ttl_ms.unsigned_abs()).await?;
    Ok(())
}

/// Whether a hold was given back, or another took its place. Redis forgets it together with the
/// holds themselves; then a session still has one open order at most.
pub async fn is_given_up(app: &App, session: &Session, hold: Uuid) -> Result<bool, Error> {
    if app.redis.connection().exists(given_back_key(&app.redis, hold)).await? {
        return Ok(true);
    }
    Ok(current(app, session).await?.is_some_and(|open| open.hold.hold != hold))
}

fn open_key(redis: &Redis, session: Uuid) -> String {
    redis.key("session-hold", &session.to_string())
}

/// Notes the session's open hold and gives the one noted before.
async fn remember_open(app: &App, hold: &Hold) -> Result<Option<Hold>, Error> {
    let ttl_ms = (hold.expires_at - Utc::now()).max(Duration::milliseconds(1)).num_milliseconds();
    let text = serde_json::to_string(hold).map_err(Error::internal)?;
    let before: Option<String> = redis::cmd("SET")
        .arg(open_key(&app.redis, hold.session))
        .arg(text)
        .arg("PX")
        .arg(ttl_ms)
        .arg("GET")
        .query_async(&mut app.redis.connection())
        .await?;
    let before: Option<Hold> = before.and_then(|text| serde_json::from_str(&text).ok());
    Ok(before.filter(|before| before.hold != hold.hold))
}

async fn open_hold(app: &App, session: Uuid) -> Result<Option<Hold>, Error> {
    let text: Option<String> = app.redis.connection().get(open_key(&app.redis, session)).await?;
    let known = text.and_then(|text| serde_json::from_str::<Hold>(&text).ok());
    Ok(known.filter(|hold| hold.expires_at > Utc::now()))
}

/// The session's open hold with its token, for pages that lost it.
pub async fn current(app: &App, session: &Session) -> Result<Option<Held>, Error> {
    let Some(hold) = open_hold(app, session.session).await? else { return Ok(None) };
    Ok(Some(Held { token: app.hold_seal.seal(&hold)?, hold }))
}

/// Gives the session's open hold back, if there is one.
pub async fn give_back_open(app: &App, session: Uuid) -> Result<(), Error> {
    let text: Option<String> =
        app.redis.connection().get_del(open_key(&app.redis, session)).await?;
    let Some(hold) = text.and_then(|text| serde_json::from_str::<Hold>(&text).ok()) else {
        return Ok(());
    };
    reserve::give_back(&app.redis, &hold).await
}

/// No longer the session's open hold: it became an order.
pub async fn forget_open(app: &App, session: Uuid) -> Result<(), Error> {
    let () = app.redis.connection().del(open_key(&app.redis, session)).await?;
    Ok(())
}

fn hash(items: &[Item]) -> String {
    let mut digest = Sha256::new();
    for item in items {
        digest.update(item.ticket_type.as_bytes());
        digest.update(item.quantity.to_be_bytes());
    }
    hex(&digest.finalize())
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One call under an Idempotency-Key: `<hash>` while it runs, `<hash> <token>` once it has an
/// answer.
struct Call {
    key: String,
    hash: String,
}

impl Call {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_hold_fits_a_token() {
        let parts: Vec<(i32, i32)> =
            (0..crate::stock::SHARDS_MAX).map(|shard| (shard, 2)).collect();
        let item = HeldItem { ticket_type: Uuid::new_v4(), unit_price_minor: 100_000, parts };
        let hold = Hold {
            hold: Uuid::new_v4(),
            session: Uuid::new_v4(),
            show: "a".repeat(63),
            items: vec![item; ITEMS_MAX],
            currency: "EUR".to_owned(),
            expires_at: Utc::now(),
        };
        let key = kit::token::generate_seal_key().expect("key");
        let ring = kit::token::SealRing::from_paserk(&key, "fairgate.hold.v1").expect("ring");
        let token = ring.seal(&hold).expect("seal");
        let opened: Hold = ring.open(&token).expect("within the size that is opened");
        assert_eq!(opened.items, hold.items);
        assert_eq!(opened.amount_minor(), 8 * 64 * 100_000);
    }
}
