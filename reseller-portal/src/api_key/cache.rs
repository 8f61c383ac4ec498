//! Which keys are good, without a query a call.
//!
//! A key that was found is believed for a little less than a second: a key that was revoked is shut
//! within a second, at every instance. Calls that come at once with a key which must be looked up
//! share one look.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use axum::response::{IntoResponse, Response};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use kit::{limit::callers::Standing, problem::Problem};
use parking_lot::{Mutex, MutexGuard};

use crate::{
    App,
    error::Error,
    store::key::{self, Grant},
};

const BELIEVED: Duration = Duration::from_millis(900);
/// A key that was good so lately may be looked up again at nobody's cost.
const FAMILIAR: Duration = Duration::from_secs(600);
const CACHED_MAX: usize = 10_000;
/// Longer texts are no keys of ours.
const KEY_CHARS_MAX: usize = 100;

type Look = BoxFuture<'static, Result<Option<Grant>, Problem>>;

/// Keys by their hash.
#[derive(Default)]
pub(crate) struct Grants {
    good: Mutex<HashMap<Vec<u8>, (Instant, Grant)>>,
    looks: Mutex<HashMap<Vec<u8>, WeakShared<Look>>>,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock()
}

impl Grants {
    /// When a key was last looked up and found good, not too long ago.
    fn familiar(&self, hash: &[u8]) -> Option<(Instant, Grant)> {
        locked(&self.good).get(hash).filter(|(at, _)| at.elapsed() < FAMILIAR).cloned()
    }

    /// `at` is when the question was asked: an answer that took long is old.
    fn answered(&self, hash: &[u8], at: Instant, answer: &Result<Option<Grant>, Problem>) {
        locked(&self.looks).remove(hash);
        let mut good = locked(&self.good);
        match answer {
            Ok(Some(grant)) => {
                if good.len() >= CACHED_MAX {
                    good.retain(|_, (at, _)| at.elapsed() < FAMILIAR);
                }
                if good.len() < CACHED_MAX || good.contains_key(hash) {
                    good.insert(hash.to_owned(), (at, grant.clone()));
                }
            }
            Ok(None) => drop(good.remove(hash)),
            Err(_) => {}
        }
    }

    /// The look that is under way for a key, or a new one, and whether it is new. It goes on as
    /// long as anybody waits for it.
    fn look(&self, app: &App, hash: &[u8]) -> (Shared<Look>, bool) {
        let mut looks = locked(&self.looks);
        if let Some(under_way) = looks.get(hash).and_then(WeakShared::upgrade) {
            return (under_way, false);
        }
        if looks.len() >= CACHED_MAX {
            looks.retain(|_, look| look.upgrade().is_some());
        }
        let (app, known_by) = (app.clone(), hash.to_owned());
        let look = async move {
            let at = Instant::now();
            let answer = ask(&app, &known_by).await.map_err(Problem::from);
            app.grants.answered(&known_by, at, &answer);
            answer
        };
        let look = look.boxed().shared();
        if let Some(weak) = look.downgrade() {
            looks.insert(hash.to_owned(), weak);
        }
        (look, true)
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
/// `stranger` counts, before the look; whoever waited for somebody else's look, after it, where it
/// found nothing.
///
/// # Errors
/// The answer: 401 `api-key-unknown`, 429, or 503 without a database.
pub(crate) async fn find(
    app: &App,
    key: &str,
    stranger: impl Fn() -> Result<Standing, Box<Response>>,
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
    let familiar = app.grants.familiar(&hash);
    let is_familiar = familiar.is_some();
    if let Some((_, grant)) = familiar.filter(|(at, _)| at.elapsed() < BELIEVED) {
        return Ok(grant);
    }
    let (look, is_new) = app.grants.look(app, &hash);
    let paid = if is_new && !is_familiar { Some(stranger()?) } else { None };
    match look.await {
        Ok(Some(grant)) => Ok(grant),
        Ok(None) => Err(unknown(paid.map_or_else(stranger, Ok)?)),
        Err(problem) => Err(Box::new(problem.into_response())),
    }
}
