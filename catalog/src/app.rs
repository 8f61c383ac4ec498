//! What the handlers share.

use sqlx::PgPool;

/// What the routes lean on.
#[derive(Clone)]
pub struct App {
    pub pool: PgPool,
}
