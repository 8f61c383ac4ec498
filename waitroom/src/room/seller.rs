//! Who sells a room's show.

use catalog::contract::{ResellerId, ShowId};
use sqlx::PgPool;
use tokio::sync::OnceCell;

use crate::error::Error;

/// Who sells a room's show, once it was asked. It never changes.
#[derive(Default)]
pub struct Seller(OnceCell<Option<ResellerId>>);

impl Seller {
    pub async fn of(&self, show: &ShowId, pool: &PgPool) -> Result<Option<ResellerId>, Error> {
        let found = self.0.get_or_try_init(|| async {
            let seller = catalog::contract::seller(pool, show).await?.ok_or(Error::ShowUnknown)?;
            Ok::<_, Error>(seller.reseller)
        });
        found.await.copied()
    }
}
