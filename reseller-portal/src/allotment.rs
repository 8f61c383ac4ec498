//! Changing how many tickets are for sale, and hearing what checkout says to it.

use std::time::{Duration, Instant};

use catalog::contract::{self, Allotment};
use kit::http::RequestId;
use uuid::Uuid;

use crate::{
    App,
    error::{Error, Thing},
};

const LOOK_EVERY: Duration = Duration::from_millis(40);

/// Changes an allotment. A published show's goes to checkout, whose answer is waited for for a moment: `wanted` is still
/// there where none came, `refusal` says why it was refused.
///
/// # Errors
/// Nothing of that name, a number that does not fit, or an earlier change that still waits.
pub async fn change(
    app: &App,
    reseller: Uuid,
    show: &str,
    ticket_type: Uuid,
    allotted: i32,
    request: &RequestId,
) -> Result<Allotment, Error> {
    let until = Instant::now() + app.config.answer_wait;
    let mut allotment = contract::change_allotment(&app.pool, reseller, show, ticket_type, allotted, request)
        .await
        .map_err(|fault| Error::of_catalog(fault, Thing::TicketType))?;
    while allotment.wanted.is_some() && Instant::now() < until {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = contract::allotments(&app.pool, show).await?;
        match now.into_iter().find(|now| now.ticket_type == ticket_type) {
            Some(now) => allotment = now,
            None => break,
        }
    }
    Ok(allotment)
}
