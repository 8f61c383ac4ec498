//! The key in an order's link: whoever has the link sees the order, also when the session is long over.

use std::sync::Arc;

use kit::token::SealRing;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{App, error::Error};

/// What the keys are sealed for.
pub const PURPOSE: &str = "fairgate.order.v1";

#[derive(Serialize, Deserialize)]
struct Claims {
    order: Uuid,
}

/// Makes and checks the links to orders.
#[derive(Clone)]
pub struct OrderLinks(Arc<SealRing>);

impl OrderLinks {
    /// `keys` is `FAIRGATE_CHECKOUT_KEYS`: PASERK `k4.local` keys, the sealing one first.
    ///
    /// # Errors
    /// A sentence when the keys cannot be read.
    pub fn from_paserk(keys: &str) -> Result<Self, String> {
        SealRing::from_paserk(keys, PURPOSE).map(|ring| Self(Arc::new(ring))).map_err(|fault| fault.to_string())
    }

    /// `/orders/{order}?key=…`, for whoever may see the order.
    ///
    /// # Errors
    /// Should sealing fail.
    pub fn path(&self, order: Uuid) -> anyhow::Result<String> {
        Ok(format!("/orders/{order}?key={}", self.key(order)?))
    }

    /// `/support/{order}?key=…`, with the same key.
    ///
    /// # Errors
    /// Should sealing fail.
    pub fn support_path(&self, order: Uuid) -> anyhow::Result<String> {
        Ok(format!("/support/{order}?key={}", self.key(order)?))
    }

    fn key(&self, order: Uuid) -> anyhow::Result<String> {
        self.0.seal(&Claims { order })
    }

    /// Whether `key` opens `order`.
    pub fn opens(&self, key: &str, order: Uuid) -> bool {
        self.0.open::<Claims>(key).is_ok_and(|claims| claims.order == order)
    }
}

/// `/orders/{order}?key=…`
pub fn path(app: &App, order: Uuid) -> Result<String, Error> {
    Ok(app.order_links.path(order)?)
}

/// Whether `key` opens `order`.
pub fn opens(app: &App, key: &str, order: Uuid) -> bool {
    app.order_links.opens(key, order)
}
