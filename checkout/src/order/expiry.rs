//! Ends unpaid orders whose time is over, by asking the writer to. Rounds take turns, so that
//! orders which cannot be ended keep none of the others waiting.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures::future::join_all;
use kit::http::RequestId;
use parking_lot::Mutex;
use uuid::Uuid;

use crate::{
    App,
    order::{
        OrderId,
        command::{Command, EndOrder},
    },
    store,
};

const BATCH_MAX: i64 = 500;
/// The writer gets so long before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// Before every order there is, by expiry and id.
const FIRST: (DateTime<Utc>, Uuid) = (DateTime::UNIX_EPOCH, Uuid::nil());

pub struct ExpirySweep {
    /// Orders the writer was asked to end lately.
    asked: Mutex<HashMap<OrderId, Instant>>,
    /// The last order of the last round.
    after: Mutex<(DateTime<Utc>, Uuid)>,
}

impl Default for ExpirySweep {
    fn default() -> Self {
        Self { asked: Mutex::default(), after: Mutex::new(FIRST) }
    }
}

impl ExpirySweep {
    fn fresh(&self, order: OrderId) -> bool {
        let mut asked = self.asked.lock();
        asked.retain(|_, at| at.elapsed() < ASK_AGAIN);
        !asked.contains_key(&order)
    }

    fn note(&self, order: OrderId) {
        self.asked.lock().insert(order, Instant::now());
    }

    /// One round.
    pub async fn round(&self, app: &App) -> anyhow::Result<()> {
        let after = *self.after.lock();
        let grace_secs = app.config.order_grace.as_secs_f64();
        let overdue = store::order::overdue(&app.pool, grace_secs, after, BATCH_MAX).await?;
        let full = i64::try_from(overdue.len()).is_ok_and(|count| count >= BATCH_MAX);
        let next = overdue
            .last()
            .filter(|_| full)
            .map_or(FIRST, |last| (last.expires_at, last.order_id.uuid()));
        *self.after.lock() = next;
        let request = RequestId::fresh();
        let asking =
            overdue.into_iter().filter(|overdue| self.fresh(overdue.order_id)).map(|overdue| {
                let request = &request;
                async move {
                    let order = overdue.order_id;
                    let command = Command::Expire(EndOrder { order });
                    app.command_log
                        .send(overdue.home_partition, order, &command, request)
                        .await
                        .map(|()| order)
                }
            });
        let mut failed = None;
        for outcome in join_all(asking).await {
            match outcome {
                Ok(order) => self.note(order),
                Err(fault) => failed = Some(fault.into_text()),
            }
        }
        match failed {
            None => Ok(()),
            Some(cause) => anyhow::bail!("asking the writer to end orders: {cause}"),
        }
    }
}
