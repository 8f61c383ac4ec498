//! API keys: made once, known by their hash, and shown by a reseller's system in `Authorization:
//! Bearer fgk_…`.
//!
//! Calls with a good key are counted by key, since a shop calls for all its fans from one address.
//! All others, those with made-up keys too, are counted by address, before anybody looks for the
//! key.

pub mod cache;
pub mod id;
pub mod scope;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use catalog::contract::ResellerId;
use checkout::contract::Seller;
use kit::{
    limit::callers::{Callers, Standing},
    problem::Problem,
};

use crate::{
    App,
    account::MemberId,
    api_key::{id::ApiKeyId, scope::Scope},
    error::Error,
    store::key::{self, Grant, NewKey},
};
use utoipa_axum::router::OpenApiRouter;

/// What every key begins with.
pub const PREFIX: &str = "fgk_";
/// Characters of a key that stay readable in the list.
const HINT_CHARS: usize = PREFIX.len() + 6;
/// Keys one reseller may have in use.
pub const KEYS_MAX: i64 = 50;

/// A key that was just made; the text is shown once and kept nowhere.
pub struct Made {
    pub key: String,
    pub key_id: ApiKeyId,
}

/// Makes a key; `None` where the reseller has [`KEYS_MAX`] in use.
///
/// # Errors
/// The database's.
pub async fn make(
    app: &App,
    reseller: ResellerId,
    user: MemberId,
    name: &str,
    scopes: &[Scope],
) -> sqlx::Result<Option<Made>> {
    let text = kit::secret::generate(PREFIX);
    let scopes: Vec<String> = scopes.iter().map(|scope| scope.to_string()).collect();
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

/// The system of a reseller, by its key.
#[derive(Clone)]
pub struct Holder {
    pub reseller: ResellerId,
    pub key: ApiKeyId,
    scopes: Vec<Scope>,
}

impl Holder {
    /// # Errors
    /// [`Error::ScopeMissing`].
    pub fn may(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(Error::ScopeMissing(scope.as_str())) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Holder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Error::ApiKeyMissing.problem())
    }
}

/// Lets callers of `router` show an API key instead of a session: a good one becomes a [`Seller`]
/// among the request's extensions, one that is unknown or revoked is refused with 401
/// `api-key-unknown`, anything else passes untouched. Calls are limited by `callers`, those with a
/// good key by the key's id; by nobody where there are none.
pub fn with_api_keys(router: OpenApiRouter, app: App, callers: Option<Callers>) -> OpenApiRouter {
    router.layer(from_fn_with_state((app, callers), recognise))
}

async fn recognise(
    State((app, callers)): State<(App, Option<Callers>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let standing = match callers {
        Some(callers) => limited(&app, &callers, &mut request).await,
        None => unlimited(&app, &mut request).await,
    };
    match standing {
        Ok(standing) => {
            let mut response = next.run(request).await;
            standing.announce(&mut response);
            response
        }
        Err(refused) => *refused,
    }
}

async fn limited(
    app: &App,
    callers: &Callers,
    request: &mut Request,
) -> Result<Standing, Box<Response>> {
    let address = callers.address(request)?;
    let Some(key) = shown(request) else { return callers.stranger(address) };
    let grant = cache::find(app, &key, || callers.stranger(address)).await?;
    let key = grant.key_id;
    introduce(grant, request);
    callers.known(key.uuid())
}

async fn unlimited(app: &App, request: &mut Request) -> Result<Standing, Box<Response>> {
    if let Some(key) = shown(request) {
        introduce(cache::find(app, &key, || Ok(Standing::default())).await?, request);
    }
    Ok(Standing::default())
}

/// The API key that a request shows, or what looks like one.
fn shown(request: &Request) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, token) = value.split_once(' ').filter(|(scheme, token)| {
        scheme.eq_ignore_ascii_case("bearer") && token.trim_start().starts_with(PREFIX)
    })?;
    Some(token.trim().to_owned())
}

/// Tells those behind who calls.
fn introduce(grant: Grant, request: &mut Request) {
    let scopes: Vec<Scope> = grant.scopes.iter().filter_map(|name| name.parse().ok()).collect();
    request.extensions_mut().insert(Seller {
        reseller: grant.reseller,
        key: grant.key_id.uuid(),
        may_sell: scopes.contains(&Scope::OrdersWrite),
        may_read_orders: scopes.contains(&Scope::OrdersRead),
        may_read_tickets: scopes.contains(&Scope::TicketsRead),
    });
    request.extensions_mut().insert(Holder { reseller: grant.reseller, key: grant.key_id, scopes });
}
