//! Refunds of orders that are paid: asked for in somebody's transaction, and handed to the order
//! writer until it has taken them up.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use futures::future::join_all;
use kit::http::RequestId;
use parking_lot::Mutex;
use sqlx::PgConnection;

use crate::{
    App,
    order::{
        OrderId,
        command::{Command, EndOrder},
        state::{self, OrderTransition},
    },
    payment::refund::RefundAsked,
    store::{self, refund::RefundRequestRow},
};

const BATCH_MAX: i64 = 200;
/// The writer gets so long before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Asks, within the caller's transaction, that a paid order is refunded: its tickets become void,
/// its stock goes back on sale, and its money goes back. `reason` is kept with the refund. Asking
/// twice refunds once.
///
/// # Errors
/// The database's.
pub async fn request_refund(
    connection: &mut PgConnection,
    order: impl Into<OrderId>,
    reason: &str,
    request: &RequestId,
) -> Result<RefundAsked, sqlx::Error> {
    let order = order.into();
    let Some(state) = store::refund::order_state(connection, order).await? else {
        return Ok(RefundAsked::Unknown);
    };
    if state::next(state, OrderTransition::RefundForced).is_err() {
        return Ok(RefundAsked::NotRefundable(state));
    }
    let asked = store::refund::add_request(connection, order, reason, request).await?;
    Ok(if asked { RefundAsked::Asked } else { RefundAsked::AlreadyAsked })
}

/// Requests that were handed to the writer lately.
#[derive(Default)]
pub struct RefundRequests(Mutex<HashMap<OrderId, Instant>>);

impl RefundRequests {
    fn is_fresh(&self, order: OrderId) -> bool {
        let mut handed = self.0.lock();
        handed.retain(|_, at| at.elapsed() < ASK_AGAIN);
        !handed.contains_key(&order)
    }

    fn note(&self, order: OrderId) {
        self.0.lock().insert(order, Instant::now());
    }

    /// One round. Several processes may do it at once: the writer refunds once.
    pub async fn round(&self, app: &App) -> anyhow::Result<()> {
        let waiting = store::refund::waiting_requests(&app.pool, BATCH_MAX).await?;
        let handing = waiting.into_iter().filter(|request| self.is_fresh(request.order)).map(
            |request| async move {
                let RefundRequestRow { order, home_partition, request_id } = request;
                let command = Command::Refund(EndOrder { order });
                app.command_log
                    .send(home_partition, order, &command, &RequestId(request_id))
                    .await
                    .map(|()| order)
            },
        );
        let mut failed = None;
        for outcome in join_all(handing).await {
            match outcome {
                Ok(order) => self.note(order),
                Err(fault) => failed = Some(fault.into_text()),
            }
        }
        match failed {
            None => Ok(()),
            Some(cause) => anyhow::bail!("asking the writer to refund orders: {cause}"),
        }
    }
}
