//! Joining with a key: the same key is the same place, however often and wherever it is sent. So a
//! fan whose join was written, and whose answer was not, finds the place again.

use std::{collections::HashMap, io::ErrorKind, sync::Arc, time::Duration};

use admission::contract::{HexBytes, Nonce};
use kit::{cache::Cache, redis::Redis, token::SealRing};
use parking_lot::Mutex;
use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};
use redis::RedisResult;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::{
    error::Error,
    line::{
        join::{Joined, Joiner, takes_joins},
        leave::LeftMarks,
    },
    place::PlaceClaims,
    room::live::Room,
};

/// Redis is waited for no longer.
const REDIS_PATIENCE: Duration = Duration::from_millis(300);
/// For so long a key finds its place at every instance.
const KEPT_SECS: u64 = 3600;
/// This instance remembers so many by itself, for a moment in which Redis is away.
const REMEMBERED: Duration = Duration::from_secs(300);
const REMEMBERED_MAX: u64 = 50_000;

const NONCE_PURPOSE: &[u8] = b"fairgate/nonce/v1";

/// A key that somebody joins with. Whoever knows it finds the place, so it is kept as a hash.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JoinKey([u8; 32]);

impl JoinKey {
    /// The key `text` of a fan, or of the `shop` that joins for one, in a room.
    pub fn new(room: &Room, shop: &str, text: &str) -> Self {
        let mut digest = Sha256::new();
        for part in [&*room.name, shop, text] {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// What its record carries, the same however often it is written. Whoever reads it learns
    /// nothing of a key that cannot be guessed.
    fn nonce(&self) -> Nonce {
        let digest = Sha256::new().chain_update(NONCE_PURPOSE).chain_update(self.0).finalize();
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&digest[..16]);
        HexBytes(nonce)
    }

    /// As Redis knows it.
    fn slot(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What became of a join; `None` while nobody knows.
type Outcome = Option<Result<PlaceClaims, Failure>>;

/// Why a join was not written, as all who wait for it hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Busy,
    NotWritten,
}

/// Joins with keys. Cheap to clone.
#[derive(Clone)]
pub struct KeyedJoins(Arc<Inner>);

struct Inner {
    joiner: Arc<Joiner>,
    keys: Arc<SealRing>,
    redis: Redis,
    marks: LeftMarks,
    /// How long an answer may take.
    patience: Duration,
    /// Joins being written at once, at most.
    pending_max: usize,
    /// Joins that are being written, whether or not somebody still waits for the answer.
    pending: Mutex<HashMap<JoinKey, watch::Receiver<Outcome>>>,
    settled: Cache<PlaceClaims>,
}

impl KeyedJoins {
    pub fn new(
        joiner: Arc<Joiner>,
        keys: Arc<SealRing>,
        redis: Redis,
        marks: LeftMarks,
        (patience, pending_max): (Duration, usize),
    ) -> Self {
        Self(Arc::new(Inner {
            joiner,
            keys,
            marks,
            redis,
            patience,
            pending_max,
            pending: Mutex::default(),
            settled: Cache::new(REMEMBERED, REMEMBERED_MAX),
        }))
    }

    /// The place of a key: the one that it has, or a new one.
    ///
    /// # Errors
    /// Those of [`Joiner::join`]. Whoever hears that there was no acknowledgement in time, and asks
    /// again with the same key, gets the place if it was written all the same.
    pub async fn join(&self, room: &Arc<Room>, key: JoinKey) -> Result<Joined, Error> {
        if let Some(claims) = self.0.settled.get(key.0).await {
            return self.seal((*claims).clone());
        }
        takes_joins(room)?;
        let mut outcome = self.pending(room, key)?;
        let known = tokio::time::timeout(self.0.patience, outcome.wait_for(Option::is_some)).await;
        match known.ok().and_then(Result::ok).and_then(|outcome| outcome.clone()) {
            Some(Ok(claims)) => self.seal(claims),
            Some(Err(Failure::Busy)) => Err(Error::Busy),
            Some(Err(Failure::NotWritten)) | None => Err(not_in_time()),
        }
    }

    fn seal(&self, claims: PlaceClaims) -> Result<Joined, Error> {
        let ticket = self.0.keys.seal(&claims).map_err(Error::Internal)?;
        Ok(Joined { claims, ticket })
    }

    /// The join of a key that is being written, or begins to be. It goes on when its caller hangs
    /// up.
    fn pending(&self, room: &Arc<Room>, key: JoinKey) -> Result<watch::Receiver<Outcome>, Error> {
        let mut pending = self.0.pending.lock();
        if let Some(outcome) = pending.get(&key) {
            return Ok(outcome.clone());
        }
        if pending.len() >= self.0.pending_max {
            return Err(Error::Busy);
        }
        let (tell, outcome) = watch::channel(None);
        pending.insert(key.clone(), outcome.clone());
        let (inner, room) = (self.0.clone(), room.clone());
        tokio::spawn(async move {
            let settled = inner.settle(&room, &key).await;
            if let Ok(claims) = &settled {
                inner.settled.insert(key.0, claims.clone()).await;
            }
            // Told first: whoever comes in between finds one or the other.
            tell.send_replace(Some(settled));
            inner.pending.lock().remove(&key);
        });
        Ok(outcome)
    }
}

impl Inner {
    /// Finds the place of a key, or writes a join and sees it through.
    async fn settle(&self, room: &Arc<Room>, key: &JoinKey) -> Result<PlaceClaims, Failure> {
        match self.known_elsewhere(key).await {
            Ok(Some(claims)) => return Ok(claims),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "whether a join is known elsewhere"),
        }
        let written = self.joiner.append_patiently(room, key.nonce()).await;
        let own = written.map_err(|error| match error {
            Error::Busy => Failure::Busy,
            _ => Failure::NotWritten,
        })?;
        match self.make_known(key, &own).await {
            // Another instance, which was asked too, wrote one first: that is the fan's place.
            Ok(Some(first)) if first.place != own.place => {
                metrics::counter!("fairgate_ghost_joins_total", "room" => room.name.to_string())
                    .increment(1);
                if let Err(error) = self.marks.leave(room, &own.place).await {
                    tracing::warn!(%error, place = %own.place, "a place nobody has");
                }
                Ok(first)
            }
            Ok(_) => Ok(own),
            Err(error) => {
                tracing::debug!(%error, "a join is known here alone");
                Ok(own)
            }
        }
    }

    async fn known_elsewhere(&self, key: &JoinKey) -> RedisResult<Option<PlaceClaims>> {
        let mut get = redis::cmd("GET");
        get.arg(self.redis.key("joined", &key.slot()));
        self.ask(&get).await
    }

    /// Keeps the place of a key unless it has one; then that one is the answer.
    async fn make_known(
        &self,
        key: &JoinKey,
        claims: &PlaceClaims,
    ) -> RedisResult<Option<PlaceClaims>> {
        let mut set = redis::cmd("SET");
        set.arg(self.redis.key("joined", &key.slot()))
            .arg(serde_json::to_string(claims).unwrap_or_default())
            .arg("NX")
            .arg("GET")
            .arg("EX")
            .arg(KEPT_SECS);
        self.ask(&set).await
    }

    /// Asks Redis, which is only a help here: nobody waits long for it.
    async fn ask(&self, command: &redis::Cmd) -> RedisResult<Option<PlaceClaims>> {
        let mut connection = self.redis.connection();
        let answer = command.query_async::<Option<String>>(&mut connection);
        let known = tokio::time::timeout(REDIS_PATIENCE, answer)
            .await
            .map_err(|_| redis::RedisError::from(std::io::Error::from(ErrorKind::TimedOut)))??;
        Ok(known.as_deref().and_then(read))
    }
}

/// What cannot be read is of another version.
fn read(claims: &str) -> Option<PlaceClaims> {
    serde_json::from_str(claims).ok()
}

fn not_in_time() -> Error {
    Error::NotAcknowledged(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut))
}
