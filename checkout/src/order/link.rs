//! Links to orders: whoever has one sees the order, also when the session is long over. Each
//! carries a random secret of which only the hash is stored, so that no key opens them all, and an
//! order may have several that are revoked together.

use std::sync::Arc;

use catalog::contract::Money;
use chrono::{DateTime, Utc};
use kit::{http::RequestId, secret, token::SealRing};
use serde::Deserialize;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    order::{
        OrderId,
        event::{LinkRenewed, OrderEvent, OrderEventData},
    },
    store,
};

/// What links were sealed for that were sent before they had secrets.
const SEALED_FOR: &str = "fairgate.order.v1";
const PREFIX: &str = "fgo_";
/// Links of one holder that are good at once: an email is sent again under a new one, and may have
/// arrived before.
const OF_HOLDER_MAX: i64 = 5;
/// An order that is in the log is written long before.
const WITHOUT_ORDER_HOURS: i32 = 24;
/// Until then, whoever asks why a link opens nothing can be told that it was revoked.
const REVOKED_DAYS: i32 = 90;
/// Links looked at in one statement.
const FORGET_BATCH: i64 = 500;

/// Who gets a link. A holder's oldest go where there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkHolder {
    /// A browser that bought.
    Page,
    /// The email with this id.
    Email(Uuid),
}

impl LinkHolder {
    fn name(self) -> String {
        match self {
            Self::Page => "page".to_owned(),
            // As the rows have it.
            Self::Email(email) => format!("letter {email}"),
        }
    }
}

/// A link with its secret, which is stored nowhere; there is no `Debug`.
#[derive(Clone)]
pub struct OrderLink {
    pub order: OrderId,
    secret: String,
}

impl OrderLink {
    /// The link that somebody came with, whether or not it opens anything.
    pub fn given(order: impl Into<OrderId>, secret: &str) -> Self {
        Self { order: order.into(), secret: secret.to_owned() }
    }

    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// `/orders/{order}?key=…`
    pub fn path(&self) -> String {
        format!("/orders/{}?key={}", self.order, self.secret)
    }

    /// `/support/{order}?key=…`, with the same secret.
    pub fn support_path(&self) -> String {
        format!("/support/{}?key={}", self.order, self.secret)
    }
}

/// Makes a link for somebody who may see the order. It need not be written yet.
///
/// # Errors
/// The database's.
pub async fn new_order_link(
    pool: &PgPool,
    order: impl Into<OrderId>,
    holder: LinkHolder,
) -> sqlx::Result<OrderLink> {
    let link = OrderLink { order: order.into(), secret: secret::generate(PREFIX) };
    store::order_link::insert(
        pool,
        link.order,
        &secret::hash(&link.secret),
        &holder.name(),
        OF_HOLDER_MAX,
    )
    .await?;
    Ok(link)
}

/// What became of renewing an order's links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinksRenewed {
    /// So many are revoked, and an email with a new one goes out once the transaction is committed.
    Renewed {
        renewal: Uuid,
        revoked: u64,
    },
    Unknown,
}

/// Revokes all links of an order within the caller's transaction, and has its buyer sent a new one.
///
/// # Errors
/// The database's.
pub async fn renew_order_links(
    tx: &mut PgConnection,
    order: impl Into<OrderId>,
    request: &RequestId,
) -> Result<LinksRenewed, sqlx::Error> {
    let order = order.into();
    let Some(known) = store::order_link::refuse_sealed(tx, order).await? else {
        return Ok(LinksRenewed::Unknown);
    };
    let revoked = store::order_link::revoke(tx, order).await?;
    let renewal = Uuid::now_v7();
    store::order_link::note_renewal(tx, renewal, order).await?;
    let data = OrderEventData {
        order,
        show: known.show,
        amount: Money::new(known.amount_minor, known.currency),
        at: Utc::now(),
    };
    let event = OrderEvent::LinkRenewed(LinkRenewed { data, renewal });
    store::outbox::add(tx, &event, request).await?;
    Ok(LinksRenewed::Renewed { renewal, revoked })
}

/// The order whose links were renewed; `None` where the id is unknown.
///
/// # Errors
/// The database's.
pub async fn renewed_order(pool: &PgPool, renewal: Uuid) -> sqlx::Result<Option<OrderId>> {
    store::order_link::renewed_order(pool, renewal).await
}

/// Forgets links that will never open anything: of orders that came to nothing, and those revoked
/// long ago.
///
/// # Errors
/// The database's.
pub async fn forget_useless_links(pool: &PgPool) -> sqlx::Result<()> {
    while store::order_link::forget_revoked(pool, REVOKED_DAYS, FORGET_BATCH).await? > 0 {}
    let mut after = Some(store::order_link::LinkCursor {
        created_at: DateTime::UNIX_EPOCH,
        secret_hash: Vec::new(),
    });
    while let Some(mark) = after {
        after =
            store::order_link::forget_without_order(pool, &mark, WITHOUT_ORDER_HOURS, FORGET_BATCH)
                .await?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Claims {
    order: OrderId,
}

/// Tells links that open an order from those that do not.
#[derive(Clone)]
pub struct OrderLinks(Arc<SealRing>);

impl OrderLinks {
    /// `keys` is `FAIRGATE_CHECKOUT_KEYS`: PASERK `k4.local` keys. They open links that were
    /// sealed, for orders of that time.
    ///
    /// # Errors
    /// A sentence when the keys cannot be read.
    pub fn from_paserk(keys: &str) -> Result<Self, String> {
        SealRing::from_paserk(keys, SEALED_FOR).map(|ring| Self(Arc::new(ring)))
    }

    /// Whether the secret opens the order.
    ///
    /// # Errors
    /// The database's.
    pub async fn opens(&self, pool: &PgPool, link: &OrderLink) -> sqlx::Result<bool> {
        if link.secret.starts_with(PREFIX) {
            return store::order_link::is_good(pool, link.order, &secret::hash(&link.secret)).await;
        }
        match self.0.open::<Claims>(&link.secret) {
            Ok(claims) if claims.order == link.order => {
                store::order_link::takes_sealed(pool, link.order).await
            }
            _ => Ok(false),
        }
    }
}
