//! What the handlers share.

use std::{ops::Deref, sync::Arc, time::Duration};

use admission::contract::{Gate, PassKeys, PlaceId};
use catalog::contract::ShowId;
use chrono::Utc;
use kit::{
    kafka::{Kafka, ProducerBounds},
    public_url::PublicUrl,
    redis::Redis,
    token::SealRing,
};
use sqlx::PgPool;
use url::Url;
use uuid::Uuid;

use crate::{
    config::Config,
    error::Error,
    line::{
        join::{Joined, Joiner},
        keyed_join::{JoinKey, KeyedJoins},
        leave::LeftMarks,
        receipts::Receipts,
        straight::Ways,
    },
    place::{
        PlaceClaims,
        link::{PlaceLink, PlaceLinks},
        opened::OpenedTickets,
    },
    room::{
        find::RoomFinder,
        live::{Room, rooms::Rooms},
        wake::Waker,
    },
    transcript::{proofs::Proofs, published::Published},
    turn_mail::asking::TurnMails,
};

/// What the waiting room's handlers need.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// The fields of [`App`].
pub struct Inner {
    pub(crate) rooms: Arc<Rooms>,
    finder: RoomFinder,
    pub(crate) waker: Waker,
    pub(crate) joiner: Arc<Joiner>,
    keyed_joins: KeyedJoins,
    pub(crate) left_marks: LeftMarks,
    pub(crate) gate: Gate,
    place_links: PlaceLinks,
    pub(crate) turn_mails: Arc<TurnMails>,
    pub(crate) proofs: Proofs,
    pub(crate) published: Published,
    pub(crate) redis: Redis,
    pub(crate) roots_every: Duration,
    pub(crate) sleep_after: Duration,
    pub(crate) place_keys: Arc<SealRing>,
    opened_tickets: OpenedTickets,
    pub(crate) receipts: Receipts,
    pub(crate) pass_keys: Arc<PassKeys>,
    pub(crate) pool: PgPool,
    pub(crate) public: PublicUrl,
    /// Where drand's rounds are fetched.
    pub(crate) drand_urls: Vec<Url>,
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    /// # Errors
    /// When keys are missing or a Kafka client cannot be made. Kafka, Redis and Postgres may be
    /// away for now.
    pub fn new(
        config: Config,
        pool: PgPool,
        redis: Redis,
        gate: Gate,
        kafka: Kafka,
        pass_keys: Arc<PassKeys>,
    ) -> anyhow::Result<Self> {
        let keys = (config.place_keys, config.link_keys, config.mail_keys);
        let (Some(place_keys), Some(link_keys), Some(mail_keys)) = keys else {
            anyhow::bail!("FAIRGATE_PLACE_KEYS is missing");
        };
        let place_keys = Arc::new(place_keys);
        let bounds = ProducerBounds {
            queue_messages_max: config.join_queue_max,
            delivery_ms_max: config.join_ms_max,
            linger_ms: config.join_linger_ms,
        };
        let rooms: Arc<Rooms> = Arc::default();
        let proofs = Proofs::new(&kafka)?;
        let patience = Duration::from_millis(config.join_ms_max.into());
        let waker = Waker::new(rooms.clone(), pool.clone(), kafka.clone(), gate.clone(), patience);
        let ways = Ways::new(gate.clone(), waker.clone());
        let joiner = Arc::new(Joiner::new(kafka, place_keys.clone(), bounds, ways)?);
        let left_marks = LeftMarks::new(redis.clone(), gate.clone());
        let keyed_bounds = (patience, config.join_queue_max as usize);
        Ok(Self(Arc::new(Inner {
            waker,
            finder: RoomFinder::new(rooms.clone(), pool.clone()),
            rooms,
            keyed_joins: KeyedJoins::new(
                joiner.clone(),
                place_keys.clone(),
                redis.clone(),
                left_marks.clone(),
                keyed_bounds,
            ),
            joiner,
            left_marks,
            gate,
            place_links: PlaceLinks::new(link_keys, redis.clone()),
            turn_mails: TurnMails::new(mail_keys, pool.clone()),
            proofs,
            published: Published::new(),
            redis: redis.clone(),
            roots_every: config.roots_every,
            sleep_after: config.sleep_after,
            place_keys,
            opened_tickets: OpenedTickets::default(),
            receipts: Receipts::new(pass_keys.clone()),
            pass_keys,
            pool,
            public: config.public,
            drand_urls: config.drand_urls,
        })))
    }

    /// What this instance waits for before it can serve: where the lines stand, and a producer that
    /// joins go through.
    pub fn missing(&self) -> Vec<&'static str> {
        let missing = [
            (self.rooms.are_ready(), "the heads of the lines"),
            // A room that its controller is silent about takes no instance away; a reader that
            // stands still makes this one tell old things of all rooms.
            (!self.rooms.reader_stands(), "the reader of heads, which stands still"),
            (self.joiner.is_ready(), "a producer for the lines"),
        ];
        missing.into_iter().filter_map(|(is_there, what)| (!is_there).then_some(what)).collect()
    }

    /// The room of this name.
    ///
    /// # Errors
    /// As [`RoomFinder::room`].
    pub(crate) async fn room(&self, name: &str) -> Result<Arc<Room>, Error> {
        self.finder.room(name).await
    }

    /// The room of a show, `None` where it has none.
    ///
    /// # Errors
    /// As [`RoomFinder::of_show`].
    pub(crate) async fn room_of_show(&self, show: &ShowId) -> Result<Option<Arc<Room>>, Error> {
        self.finder.of_show(show).await
    }

    /// Joins the line of `room`; with a key, once.
    ///
    /// # Errors
    /// As [`Joiner::join`].
    pub(crate) async fn join(
        &self,
        room: &Arc<Room>,
        key: Option<JoinKey>,
    ) -> Result<Joined, Error> {
        self.finder.look_again(room).await;
        match key {
            Some(key) => self.keyed_joins.join(room, key).await,
            None => self.joiner.join(room).await,
        }
    }

    /// Gives a place up, for good.
    ///
    /// # Errors
    /// [`Error::LeaveUnknown`]: Redis did not answer.
    pub(crate) async fn leave(&self, room: &Room, place: &PlaceId) -> Result<(), Error> {
        let had_left = room.has_left(place);
        self.left_marks.leave(room, place).await.map_err(Error::LeaveUnknown)?;
        if !had_left {
            metrics::counter!("fairgate_left_total", "room" => room.name.to_string()).increment(1);
        }
        self.turn_mails.note_left(&room.turn(place));
        Ok(())
    }

    /// A link that takes a place to another device, and the same as an address to open there.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub(crate) fn make_link(
        &self,
        room: &Room,
        place: &PlaceClaims,
    ) -> Result<(PlaceLink, String), Error> {
        let made = self.place_links.make(place, Utc::now())?;
        let address = self.public.join(&format!("/queue/{}?link={}", room.info().show, made.link));
        Ok((made, address))
    }

    /// The place of a link from another device, which is used up, and its ticket. The same taker
    /// may use it again.
    ///
    /// # Errors
    /// As [`PlaceLinks::open`].
    pub(crate) async fn open_link(
        &self,
        room: &Room,
        link: &str,
        taker: Option<Uuid>,
    ) -> Result<Joined, Error> {
        let claims = self.place_links.open(&room.name, link, taker, Utc::now()).await?;
        let ticket = self.place_keys.seal(&claims).map_err(Error::Internal)?;
        Ok(Joined { claims, ticket })
    }

    /// A room and the place there that a ticket holds.
    ///
    /// # Errors
    /// Those of [`App::room`] and [`App::open_ticket`].
    pub(crate) async fn place(
        &self,
        room: &str,
        ticket: Option<&str>,
    ) -> Result<(Arc<Room>, PlaceClaims), Error> {
        let room = self.room(room).await?;
        let claims = self.open_ticket(&room, ticket)?;
        Ok((room, claims))
    }

    /// Opens a place ticket of `room`.
    pub(crate) fn open_ticket(
        &self,
        room: &Room,
        ticket: Option<&str>,
    ) -> Result<PlaceClaims, Error> {
        let ticket = ticket.ok_or(Error::TicketMissing)?;
        let claims = self.opened_tickets.open(&self.place_keys, ticket)?;
        if claims.place.room == room.name { Ok(claims) } else { Err(Error::TicketForeign) }
    }
}
