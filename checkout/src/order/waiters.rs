//! Waking those who wait for the order writer.
//!
//! A writer in this process says at once which orders it dealt with. For writers elsewhere one task
//! asks Postgres about all who wait, so that a thousand waiting requests cost one query, not a
//! thousand.

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::{App, order::OrderId, store};

/// Orders somebody waits for.
#[derive(Default, Clone)]
pub struct Waiters(Arc<Mutex<HashMap<OrderId, Waiting>>>);

#[derive(Default)]
struct Waiting {
    count: usize,
    news: Arc<Notify>,
}

/// One who waits. Dropping it ends the waiting.
pub struct Waiter {
    order: OrderId,
    news: Arc<Notify>,
    waiters: Waiters,
}

impl Waiters {
    fn waiting(&self) -> MutexGuard<'_, HashMap<OrderId, Waiting>> {
        self.0.lock()
    }

    /// Waits for news of `order` from now on.
    pub fn wait(&self, order: OrderId) -> Waiter {
        let mut waiting = self.waiting();
        let entry = waiting.entry(order).or_default();
        entry.count += 1;
        Waiter { order, news: Arc::clone(&entry.news), waiters: self.clone() }
    }

    /// There is news of these orders.
    pub fn notify(&self, orders: impl IntoIterator<Item = OrderId>) {
        let waiting = self.waiting();
        for order in orders {
            if let Some(entry) = waiting.get(&order) {
                entry.news.notify_waiters();
                // For one who is about to wait.
                entry.news.notify_one();
            }
        }
    }

    fn orders(&self) -> Vec<OrderId> {
        self.waiting().keys().copied().collect()
    }
}

impl Waiter {
    /// Resolves when there is news, which may be stale: look, and wait again if it was nothing.
    pub async fn news(&self) {
        self.news.notified().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = self.waiters.waiting();
        if let Some(entry) = waiting.get_mut(&self.order) {
            entry.count -= 1;
            if entry.count == 0 {
                waiting.remove(&self.order);
            }
        }
    }
}

/// One look at Postgres for all who wait.
pub async fn look(app: &App) -> anyhow::Result<()> {
    let orders = app.waiters.orders();
    if !orders.is_empty() {
        app.waiters.notify(store::order::decided(&app.pool, &orders).await?);
    }
    Ok(())
}

/// How long to wait between looks if nobody brings news.
pub const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(250);
