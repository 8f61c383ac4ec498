//! Withdrawing a show, whoever sells it.

use catalog::contract::{CatalogError, ShowId, Stop, Withdrawing, withdraw_show};
use kit::http::RequestId;
use serde_json::json;
use waitroom::contract::room_of_show;

use crate::{
    App,
    audit::AuditEntry,
    error::Error,
    room::{live, words::count},
    staff::Staff,
    store::audit::record,
};

const REASON_CHARS_MAX: usize = 500;

/// What withdrawing a show would do, a sentence or more for each thing. Empty where it is withdrawn
/// already.
///
/// # Errors
/// [`Error::ShowUnknown`], [`Error::ShowNotPublished`].
pub async fn effects(app: &App, show: &ShowId) -> Result<Vec<String>, Error> {
    let seller = catalog::contract::seller(&app.pool, show).await?.ok_or(Error::ShowUnknown)?;
    if catalog::contract::stop(&app.pool, show).await? == Some(Stop::Withdrawn) {
        return Ok(Vec::new());
    }
    if !seller.published {
        return Err(Error::ShowNotPublished);
    }
    let stock =
        checkout::contract::stock_counts(&app.pool, &app.redis, show).await.map_err(Error::Away)?;
    let (sold, reserved): (i64, i64) =
        (stock.iter().map(|of| of.sold).sum(), stock.iter().map(|of| of.reserved).sum());
    let mut words = vec![
        "Nothing of it is sold any more, within a second. It is taken off the list, and its page \
            says that it was withdrawn. It cannot be undone."
            .to_owned(),
        format!(
            "Orders stay as they are: {} tickets are sold and stay valid, {} are in orders that \
                can still be paid. No money goes back by itself; give it back order by order, from \
                Support.",
            count(sold),
            count(reserved)
        ),
    ];
    if let Some(room) = room_of_show(&app.pool, show).await? {
        let waiting = live::room(app, &room).await?.map_or(0, |room| room.flow.waiting);
        words
            .push(format!("Its room closes for good. {} wait there and read why.", count(waiting)));
    }
    Ok(words)
}

/// Withdraws a show for good. Doing so again changes nothing.
///
/// # Errors
/// [`Error::ShowUnknown`], [`Error::ShowNotPublished`]; [`Error::Field`] where the reason is
/// missing or too long.
pub async fn withdraw(
    app: &App,
    staff: &Staff,
    show: &ShowId,
    reason: &str,
    request: &RequestId,
) -> Result<(), Error> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_CHARS_MAX || reason.contains('\0') {
        return Err(Error::field(
            "reason",
            "Give a reason of 500 characters at most: the log keeps it.",
        ));
    }
    let mut tx = app.pool.begin().await?;
    let by = format!("admin {}", staff.email);
    let who = Withdrawing { reseller: None, by: &by, reason: Some(reason) };
    let now = withdraw_show(&mut tx, show, who, request).await.map_err(|fault| match fault {
        CatalogError::NotPublished => Error::ShowNotPublished,
        CatalogError::Store(error) => Error::Store(error),
        _ => Error::ShowUnknown,
    })?;
    if now {
        let entry = AuditEntry::new("show.withdraw", format!("show {show}"))
            .before(json!({"withdrawn": false}))
            .after(json!({"withdrawn": true, "reason": reason}));
        record(&mut tx, staff, request, &entry).await?;
    }
    tx.commit().await?;
    Ok(())
}
