//! API keys: made once, known by their hash, and shown by a reseller's system in `Authorization: Bearer fgk_…`.
//!
//! A key that was found is believed for a little less than a second, so that a busy seller does not cost a query per
//! call and a key that was revoked is shut within a second, at every instance.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use checkout::contract::Seller;
use kit::problem::Problem;
use uuid::Uuid;

use crate::{
    App,
    error::Error,
    scope::Scope,
    store::key::{self, Grant, NewKey},
};
use utoipa_axum::router::OpenApiRouter;

/// What every key begins with.
pub const PREFIX: &str = "fgk_";
/// Characters of a key that stay readable in the list.
const HINT_CHARS: usize = PREFIX.len() + 6;
/// Longer texts are no keys of ours.
const KEY_CHARS_MAX: usize = 100;
/// Keys one reseller may have in use.
pub const KEYS_MAX: i64 = 50;
const BELIEVED: Duration = Duration::from_millis(900);
const CACHED_MAX: usize = 10_000;

/// A key that was just made; the text is shown once and kept nowhere.
pub struct Made {
    pub key: String,
    pub key_id: Uuid,
}

/// Makes a key; `None` where the reseller has [`KEYS_MAX`] in use.
///
/// # Errors
/// The database's.
pub async fn make(app: &App, reseller: Uuid, user: Uuid, name: &str, scopes: &[Scope]) -> sqlx::Result<Option<Made>> {
    let text = kit::secret::generate(PREFIX);
    let scopes: Vec<String> = scopes.iter().map(|scope| scope.name().to_owned()).collect();
    let new = NewKey {
        reseller,
        user,
        name,
        key_hash: &kit::secret::hash(&text),
        hint: &text[..HINT_CHARS.min(text.len())],
        scopes: &scopes,
    };
    let made = key::create(&app.pool, &new, KEYS_MAX).await?;
    Ok(made.map(|key_id| Made { key: text, key_id }))
}

/// Keys found in the last moment, by their hash.
#[derive(Default)]
pub(crate) struct Grants(Mutex<HashMap<Vec<u8>, (Instant, Grant)>>);

impl Grants {
    fn recent(&self, hash: &[u8]) -> Option<Grant> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned();
        found.filter(|(at, _)| at.elapsed() < BELIEVED).map(|(_, grant)| grant)
    }

    /// `at` is when the question was asked: an answer that took long is old.
    fn remember(&self, hash: Vec<u8>, at: Instant, grant: Grant) {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= CACHED_MAX {
            cached.retain(|_, (at, _)| at.elapsed() < BELIEVED);
        }
        if cached.len() < CACHED_MAX {
            cached.insert(hash, (at, grant));
        }
    }
}

async fn grant(app: &App, key: &str) -> Result<Grant, Error> {
    if key.len() > KEY_CHARS_MAX {
        return Err(Error::ApiKeyUnknown);
    }
    let hash = kit::secret::hash(key);
    if let Some(grant) = app.grants.recent(&hash) {
        return Ok(grant);
    }
    let at = Instant::now();
    let grant = key::grant(&app.pool, &hash).await?.ok_or(Error::ApiKeyUnknown)?;
    let noted = grant.last_used_at.is_some_and(|at| (chrono::Utc::now() - at).num_seconds() < 60);
    if !noted {
        key::used(&app.pool, grant.key_id).await?;
    }
    app.grants.remember(hash, at, grant.clone());
    Ok(grant)
}

/// The system of a reseller, by its key.
#[derive(Clone)]
pub struct Holder {
    pub reseller: Uuid,
    scopes: Vec<Scope>,
}

impl Holder {
    /// # Errors
    /// [`Error::ScopeMissing`].
    pub fn may(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(Error::ScopeMissing(scope.name())) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Holder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Error::ApiKeyMissing.problem())
    }
}

/// Lets callers of `router` show an API key instead of a session: a good one becomes a [`Seller`] among the request's
/// extensions, one that is unknown or revoked is refused with 401 `api-key-unknown`, anything else passes untouched.
pub fn with_api_keys(router: OpenApiRouter, app: App) -> OpenApiRouter {
    router.layer(from_fn_with_state(app, recognise))
}

async fn recognise(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let shown = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && token.trim_start().starts_with(PREFIX))
        .map(|(_, token)| token.trim().to_owned());
    if let Some(key) = shown {
        let grant = match grant(&app, &key).await {
            Ok(grant) => grant,
            Err(error) => return error.into_response(),
        };
        let scopes: Vec<Scope> = grant.scopes.iter().filter_map(|name| Scope::parse(name)).collect();
        request.extensions_mut().insert(Seller {
            reseller: grant.reseller,
            key: grant.key_id,
            may_sell: scopes.contains(&Scope::OrdersWrite),
            may_read_orders: scopes.contains(&Scope::OrdersRead),
        });
        request.extensions_mut().insert(Holder { reseller: grant.reseller, scopes });
    }
    next.run(request).await
}
