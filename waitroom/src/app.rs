//! What the handlers share.

use std::{ops::Deref, sync::Arc};

use admission::contract::PassKeys;
use kit::{
    kafka::{Kafka, ProducerBounds},
    public_url::PublicUrl,
    token::SealRing,
};
use sqlx::PgPool;

use crate::{
    config::Config,
    error::Error,
    line::join::Joiner,
    place::PlaceClaims,
    room::live::{Room, Rooms},
};

/// What the waiting room's handlers need.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// The fields of [`App`].
pub struct Inner {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) joiner: Arc<Joiner>,
    pub(crate) place_keys: Arc<SealRing>,
    pub(crate) pass_keys: Arc<PassKeys>,
    pub(crate) pool: PgPool,
    pub(crate) public: PublicUrl,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    /// # Errors
    /// When keys are missing or a Kafka client cannot be made. Kafka and Postgres may be away for
    /// now.
    pub fn new(
        config: Config,
        pool: PgPool,
        kafka: Kafka,
        pass_keys: Arc<PassKeys>,
    ) -> anyhow::Result<Self> {
        let place_keys = Arc::new(
            config.place_keys.ok_or_else(|| anyhow::anyhow!("FAIRGATE_PLACE_KEYS is missing"))?,
        );
        let bounds = ProducerBounds {
            queue_messages_max: config.join_queue_max,
            delivery_ms_max: config.join_ms_max,
            linger_ms: config.join_linger_ms,
        };
        Ok(Self(Arc::new(Inner {
            rooms: Arc::default(),
            joiner: Arc::new(Joiner::new(kafka, place_keys.clone(), bounds)?),
            place_keys,
            pass_keys,
            pool,
            public: config.public,
        })))
    }

    /// What this instance waits for before it can serve: where the lines stand, and a producer that
    /// joins go through.
    pub fn missing(&self) -> Vec<&'static str> {
        let missing = [
            (self.rooms.are_ready(), "the heads of the lines"),
            (self.joiner.is_ready(), "a producer for the lines"),
        ];
        missing.into_iter().filter_map(|(is_there, what)| (!is_there).then_some(what)).collect()
    }

    /// Opens a place ticket of `room`.
    pub(crate) fn open_ticket(
        &self,
        room: &Room,
        ticket: Option<&str>,
    ) -> Result<PlaceClaims, Error> {
        let claims: PlaceClaims = self.place_keys.open(ticket.ok_or(Error::TicketMissing)?)?;
        if claims.place.room == room.name { Ok(claims) } else { Err(Error::TicketForeign) }
    }
}
