//! Asking for a mail near the turn, and taking that back.

use std::{sync::Arc, time::Duration};

use admission::contract::PlaceId;
use chrono::Utc;
use kit::email_address::EmailAddress;
use parking_lot::Mutex;
use sqlx::PgPool;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    error::Error,
    place::{
        PlaceClaims,
        standing::{PlaceState, standing},
    },
    room::{live::Room, phase::Phase},
    store::turn_mail as store,
    turn_mail::{
        TurnMail,
        keys::TurnMailKeys,
        near::{Nearness, nearness},
    },
};

/// So many are at the database at once: a crowd that wants mails takes no connection from those who
/// need one.
const AT_ONCE: usize = 4;
/// Whoever would wait longer than this for a turn at the database is told to try again.
const PATIENCE: Duration = Duration::from_millis(500);
/// Places that were left are remembered until their mails are forgotten, so many at most; any
/// beyond are found when their turn is near.
const LEFT_MAX: usize = 100_000;

/// The mails that fans ask for.
pub struct TurnMails {
    keys: TurnMailKeys,
    pool: PgPool,
    turns: Semaphore,
    left: Mutex<Vec<PlaceId>>,
}

impl TurnMails {
    pub fn new(keys: TurnMailKeys, pool: PgPool) -> Arc<Self> {
        Arc::new(Self { keys, pool, turns: Semaphore::new(AT_ONCE), left: Mutex::default() })
    }

    /// Asks for a mail when the turn of `claims` is near, instead of an earlier wish of this place
    /// or of this address. It is written down when this returns.
    ///
    /// # Errors
    /// [`Error::TurnIsNear`], [`Error::WindowMissed`], [`Error::PlaceLeft`], [`Error::RoomClosed`]
    /// where there will be none to send; [`Error::Stale`], [`Error::MailsBusy`], or the database's.
    pub async fn ask(
        &self,
        room: &Room,
        claims: &PlaceClaims,
        address: &EmailAddress,
        language: String,
    ) -> Result<(), Error> {
        may_ask(room, claims)?;
        let mail = TurnMail {
            id: self.keys.id(&room.name, address).map_err(Error::Internal)?,
            place: room.turn(&claims.place),
            address_sealed: self.keys.seal(address).map_err(Error::Internal)?,
            language,
        };
        let _turn = self.turn().await?;
        let is_kept = store::put(&self.pool, &mail).await.map_err(asked_twice)?;
        if is_kept { Ok(()) } else { Err(Error::TurnIsNear) }
    }

    /// Whether there is a mail to come for a place.
    ///
    /// # Errors
    /// [`Error::MailsBusy`], or the database's.
    pub async fn is_asked_for(&self, place: &PlaceId) -> Result<bool, Error> {
        let _turn = self.turn().await?;
        Ok(store::has(&self.pool, place).await?)
    }

    /// Forgets the address of a place. Twice is the same as once.
    ///
    /// # Errors
    /// [`Error::MailsBusy`], or the database's: it is not forgotten.
    pub async fn take_back(&self, place: &PlaceId) -> Result<(), Error> {
        let _turn = self.turn().await?;
        Ok(store::forget_places(&self.pool, std::slice::from_ref(place)).await?)
    }

    /// Has the address of a place that was left forgotten in a moment: leaving waits for no
    /// database.
    pub fn note_left(&self, place: &PlaceId) {
        let mut left = self.left.lock();
        if left.len() < LEFT_MAX {
            left.push(place.clone());
        }
    }

    /// Forgets the addresses of those who left.
    ///
    /// # Errors
    /// The database's: they are forgotten the next time.
    pub async fn forget_left(&self, pool: &PgPool) -> sqlx::Result<()> {
        let left = std::mem::take(&mut *self.left.lock());
        if left.is_empty() {
            return Ok(());
        }
        let forgotten = store::forget_places(pool, &left).await;
        if forgotten.is_err() {
            left.iter().for_each(|place| self.note_left(place));
        }
        forgotten
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
        turn.ok().and_then(Result::ok).ok_or(Error::MailsBusy)
    }
}

/// Whether a mail could still come in time.
fn may_ask(room: &Room, claims: &PlaceClaims) -> Result<(), Error> {
    if room.is_stale() {
        return Err(Error::Stale);
    }
    let now = Utc::now();
    match standing(room, claims, now).state {
        PlaceState::Left => Err(Error::PlaceLeft),
        PlaceState::WindowMissed => Err(Error::WindowMissed),
        _ if room.info().phase == Phase::Closed => Err(Error::RoomClosed),
        PlaceState::YourTurn => Err(Error::TurnIsNear),
        PlaceState::InDraw => Err(Error::DrawNotMade),
        PlaceState::Waiting => {
            match nearness(&room.document().head, &room.turn(&claims.place), now) {
                Nearness::Far => Ok(()),
                Nearness::Near { .. } | Nearness::Come => Err(Error::TurnIsNear),
            }
        }
    }
}

/// Two wishes of one place at once: the later may well be the one that counts.
fn asked_twice(error: sqlx::Error) -> Error {
    let is_twice = error.as_database_error().is_some_and(|told| told.is_unique_violation());
    if is_twice { Error::MailsBusy } else { error.into() }
}
