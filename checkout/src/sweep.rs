//! Ends unpaid orders whose time is over, by asking the writer to.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::join_all;
use kit::http::RequestId;
use uuid::Uuid;

use crate::{
    App,
    contract::{Command, End},
    store,
};

const BATCH_MAX: i64 = 500;
/// The writer gets so long before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Orders the writer was asked to end lately.
#[derive(Default)]
pub struct Sweep(Mutex<HashMap<Uuid, Instant>>);

impl Sweep {
    fn fresh(&self, order: Uuid) -> bool {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|_, at| at.elapsed() < ASK_AGAIN);
        !asked.contains_key(&order)
    }

    fn note(&self, order: Uuid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(order, Instant::now());
    }

    /// One round.
    pub async fn round(&self, app: &App) -> anyhow::Result<()> {
        let overdue = store::order::overdue(&app.pool, app.config.order_grace.as_secs_f64(), BATCH_MAX).await?;
        let request = RequestId::fresh();
        let asking = overdue.into_iter().filter(|(order, _)| self.fresh(*order)).map(|(order, partition)| {
            let request = &request;
            async move {
                let command = Command::Expire(End { order });
                app.commands.send(partition, order, &command, request).await.map(|()| order)
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
