//! Who calls with an API key in a reseller's name, and which shows that reseller sells.

use std::time::Duration;

use catalog::contract::{ResellerId, ShowId};
use kit::cache::Cache;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    App,
    session::{self, SessionId},
    store,
};

/// Who calls with an API key instead of a fan's session. The resellers' layer puts it into a
/// request's extensions; the key itself never gets here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seller {
    pub reseller: ResellerId,
    pub key: Uuid,
    /// Has [`scopes::ORDERS_WRITE`]: holds, orders, and gives up what this key held and ordered.
    pub may_sell: bool,
    /// Has [`scopes::ORDERS_READ`]: sees all orders of the reseller's shows, without entry codes.
    pub may_read_orders: bool,
    /// Has [`scopes::TICKETS_READ`]: sees the entry codes, too.
    pub may_read_tickets: bool,
}

/// What checkout asks of an API key, as scopes are called wherever people meet them.
pub mod scopes {
    pub const ORDERS_READ: &str = "orders:read";
    pub const ORDERS_WRITE: &str = "orders:write";
    pub const TICKETS_READ: &str = "tickets:read";
}

/// Who sells a show hardly changes.
const FRESH: Duration = Duration::from_secs(1);
const SHOWS_MAX: u64 = 10_000;

/// Who sells which show, as read lately.
pub struct ShowSellers(Cache<Option<ResellerId>>);

impl Default for ShowSellers {
    fn default() -> Self {
        Self(Cache::new(FRESH, SHOWS_MAX))
    }
}

impl ShowSellers {
    /// Whether this reseller sells the show. Nobody sells an unknown one.
    pub async fn is_of(
        &self,
        pool: &PgPool,
        show: &ShowId,
        reseller: ResellerId,
    ) -> sqlx::Result<bool> {
        let seller = self.0.get_or_look(show.as_str(), || async {
            let seller = catalog::contract::seller(pool, show).await?;
            Ok(seller.and_then(|seller| seller.reseller))
        });
        seller.await.map(|seller| *seller == Some(reseller))
    }
}

/// Names the one session that a pass opens for an API key.
pub fn key(key: Uuid) -> String {
    session::own_key(&format!("api-key:{key}"))
}

/// Whether a session was opened with this API key: its id says so.
///
/// # Errors
/// The database's.
pub async fn is_of_key(app: &App, session: SessionId, by: Uuid) -> sqlx::Result<bool> {
    let known = store::session::load(&app.pool, session).await?;
    Ok(known.is_some_and(|(place, _)| session::session_id(&place, Some(&key(by))) == session))
}
