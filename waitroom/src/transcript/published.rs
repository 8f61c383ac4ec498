//! What was published of a room, read once for all who ask at the same time.

use std::{sync::Arc, time::Duration};

use admission::contract::RoomName;
use chrono::Utc;
use kit::{cache::Cache, kept::KeptBody};
use sqlx::PgPool;

use crate::{
    error::Error,
    store,
    transcript::{NotYet, RootsBody, transcript},
};

const FRESH: Duration = Duration::from_secs(2);
const ROOMS_MAX: u64 = 1_000;

/// Why there is nothing to tell, which is kept as well: strangers may ask for whatever they like.
#[derive(Debug, Clone, Copy)]
enum Nothing {
    Unknown,
    NotYet(NotYet),
}

type Known = Result<Arc<KeptBody>, Nothing>;

pub struct Published {
    transcripts: Cache<Known>,
    roots: Cache<Known>,
}

impl Published {
    pub fn new() -> Self {
        Self { transcripts: Cache::new(FRESH, ROOMS_MAX), roots: Cache::new(FRESH, ROOMS_MAX) }
    }

    /// # Errors
    /// [`Error::RoomUnknown`], [`Error::NoTranscript`], [`Error::RootsPending`], or the database's.
    pub async fn transcript(&self, pool: &PgPool, room: &RoomName) -> Result<Arc<KeptBody>, Error> {
        let look = || async {
            let Some(row) = store::room(pool, room).await? else {
                return Ok(Err(Nothing::Unknown));
            };
            let opened_at = store::transcript::opened_at(pool, room).await?;
            // Heads first: the roots are over all whose turn those say it was.
            let heads = store::transcript::heads(pool, room).await?;
            let roots = store::transcript::roots(pool, room).await?;
            match transcript(&row, opened_at, (roots, heads), Utc::now()) {
                Ok(transcript) => body(&transcript).map(Ok),
                Err(not_yet) => Ok(Err(Nothing::NotYet(not_yet))),
            }
        };
        let known = self.transcripts.get_or_look(room.as_str(), look).await?;
        told(&known)
    }

    /// # Errors
    /// [`Error::RoomUnknown`], or the database's.
    pub async fn roots(&self, pool: &PgPool, room: &RoomName) -> Result<Arc<KeptBody>, Error> {
        let look = || async {
            if store::room(pool, room).await?.is_none() {
                return Ok(Err(Nothing::Unknown));
            }
            let roots = store::transcript::roots(pool, room).await?;
            body(&RootsBody { room: room.clone(), roots }).map(Ok)
        };
        let known = self.roots.get_or_look(room.as_str(), look).await?;
        told(&known)
    }
}

fn body(said: &impl serde::Serialize) -> Result<Arc<KeptBody>, Error> {
    let json = serde_json::to_vec(said).map_err(|error| Error::Internal(error.into()))?;
    Ok(Arc::new(KeptBody::json(json.into())))
}

fn told(known: &Known) -> Result<Arc<KeptBody>, Error> {
    known.clone().map_err(|nothing| match nothing {
        Nothing::Unknown => Error::RoomUnknown,
        Nothing::NotYet(NotYet::Unopened) => Error::NoTranscript,
        Nothing::NotYet(NotYet::RootsPending) => Error::RootsPending,
    })
}
