//! Which keys are good, without a query a call.
//!
//! A key that was found is believed for a little less than a second: a key that was revoked is shut
//! within a second, at every instance. Calls that come at once with a key which must be looked up
//! share one look.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use kit::{cache::Cache, limit::callers::Standing};

use crate::{
    App,
    error::Error,
    store::key::{self, Grant},
};

const BELIEVED: Duration = Duration::from_millis(900);
/// A key that was good so lately may be looked up again at nobody's cost.
const FAMILIAR: Duration = Duration::from_secs(600);
const CACHED_MAX: u64 = 10_000;
/// Longer texts are no keys of ours.
const KEY_CHARS_MAX: usize = 100;

/// Keys by their hash.
pub(crate) struct Grants {
    good: Cache<Grant>,
    /// Those that were good not too long ago.
    familiar: Cache<()>,
}

impl Default for Grants {
    fn default() -> Self {
        Self { good: Cache::new(BELIEVED, CACHED_MAX), familiar: Cache::new(FAMILIAR, CACHED_MAX) }
    }
}

async fn ask(app: &App, hash: &[u8]) -> Result<Option<Grant>, Error> {
    let Some(grant) = key::grant(&app.pool, hash).await? else { return Ok(None) };
    let noted = grant.last_used_at.is_some_and(|at| (chrono::Utc::now() - at).num_seconds() < 60);
    if !noted {
        key::used(&app.pool, grant.key_id).await?;
    }
    Ok(Some(grant))
}

/// What a key may do. Whoever shows one that is not known to be good calls as a stranger, which
/// `stranger` counts, before the look. Whoever waited for somebody else's look looks by itself
/// where that found nothing.
///
/// # Errors
/// The answer: 401 `api-key-unknown`, 429, or 503 without a database.
pub(crate) async fn find(
    app: &App,
    key: &str,
    stranger: impl Fn() -> Result<Standing, Box<Response>> + Send + Sync,
) -> Result<Grant, Box<Response>> {
    let unknown = |standing: Standing| {
        let mut response = Error::ApiKeyUnknown.into_response();
        standing.announce(&mut response);
        Box::new(response)
    };
    if key.len() > KEY_CHARS_MAX {
        return Err(unknown(stranger()?));
    }
    let hash = kit::secret::hash(key);
    let cache = &app.grants;
    let found = cache.good.get_or_look(&hash, || async {
        let paid = match cache.familiar.get(&hash).await {
            Some(_) => None,
            None => Some(stranger()?),
        };
        match ask(app, &hash).await {
            Ok(Some(grant)) => {
                cache.familiar.insert(&hash, ()).await;
                Ok(grant)
            }
            Ok(None) => {
                cache.familiar.forget(&hash).await;
                Err(unknown(paid.map_or_else(&stranger, Ok)?))
            }
            Err(error) => Err(Box::new(error.into_response())),
        }
    });
    found.await.map(|grant| Grant::clone(&grant))
}
