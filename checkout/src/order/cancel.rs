//! Giving an unpaid order up.

use kit::http::RequestId;
use tokio::time::Instant;

use crate::{
    App, Error,
    order::{
        Order, OrderId,
        command::{Command, EndOrder},
        query::own,
        waiters::LOOK_AGAIN,
    },
    session::signal::line_stock::note_unserved,
    session::{activity, auth::Owner},
    store,
};

/// Gives up an unpaid order of this owner; one that was given up before stays so.
///
/// # Errors
/// `order-unknown`, `order-not-cancellable`.
pub async fn cancel(
    app: &App,
    owner: Owner,
    order: OrderId,
    request: &RequestId,
) -> Result<Order, Error> {
    let found = own(app, owner, order).await?;
    match found.state {
        crate::order::state::OrderState::Cancelled => return Ok(found),
        state if state.is_unpaid() => {}
        _ => return Err(Error::OrderNotCancellable),
    }
    let waiter = app.waiters.wait(order);
    let command = Command::Cancel(EndOrder { order });
    app.command_log
        .send(found.home_partition, order, &command, request)
        .await
        .map_err(|fault| Error::Unavailable(fault.into_text()))?;
    let deadline = Instant::now() + app.config.outcome_wait;
    loop {
        let look = deadline.min(Instant::now() + LOOK_AGAIN);
        let _ = tokio::time::timeout_at(look, waiter.news()).await;
        let found = own(app, owner, order).await?;
        match found.state {
            crate::order::state::OrderState::Cancelled => {
                may_choose_anew(app, &found).await;
                return Ok(found);
            }
            state if state.is_unpaid() && Instant::now() < deadline => {}
            state if state.is_unpaid() => {
                return Err(Error::Unavailable("the order writer is behind".to_owned()));
            }
            _ => return Err(Error::OrderNotCancellable),
        }
    }
}

/// The session has nothing any more and goes on for a moment: its fan may want other tickets.
async fn may_choose_anew(app: &App, order: &Order) {
    match store::session::load(&app.pool, order.session).await {
        Ok(Some((_, session))) => {
            note_unserved(app, &session.room, order.session).await;
            activity::holds_nothing(app, &session.room, order.session).await;
        }
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, "a session that gave its order up is not known"),
    }
}
