//! The key in an order's link: whoever has the link sees the order, also when the session is long over.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{App, error::Error};

/// What the keys are sealed for.
pub const PURPOSE: &str = "fairgate.order.v1";

#[derive(Serialize, Deserialize)]
struct Claims {
    order: Uuid,
}

/// `/orders/{order}?key=…`
pub fn path(app: &App, order: Uuid) -> Result<String, Error> {
    let key = app.order_keys.seal(&Claims { order })?;
    Ok(format!("/orders/{order}?key={key}"))
}

/// Whether `key` opens `order`.
pub fn opens(app: &App, key: &str, order: Uuid) -> bool {
    app.order_keys.open::<Claims>(key).is_ok_and(|claims| claims.order == order)
}
