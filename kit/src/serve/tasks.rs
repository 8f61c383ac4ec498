//! What runs in the background of a process, until it is told to end.

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long requests and background tasks may take to finish after SIGTERM.
pub const DRAIN_SECS_MAX: u64 = 20;

/// Background tasks of a process and the signal that ends them.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    draining: CancellationToken,
}

impl Tasks {
    /// Cancelled when the process should end. Loops select on it.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Cancelled when the server takes no more requests. Answers that never end by themselves
    /// (streams) end then.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Runs `task` until it ends by itself; it must watch [`Tasks::stop`].
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task);
    }

    /// Calls `round` every `period`; a failing round is logged and the next one tries again.
    pub fn every<F, Fut>(&self, name: &'static str, period: Duration, mut round: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        let stop = self.stop.clone();
        self.tracker.spawn(async move {
            let mut failing = false;
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(period) => {}
                }
                match round().await {
                    Ok(()) if failing => {
                        failing = false;
                        tracing::info!(task = name, "works again");
                    }
                    Ok(()) => {}
                    Err(error) => {
                        // Said once per outage, not once per round.
                        if !failing {
                            tracing::warn!(
                                task = name,
                                error = format!("{error:#}"),
                                "failed, will try again"
                            );
                        }
                        failing = true;
                    }
                }
            }
        });
    }

    /// Waits until the process is told to end and its tasks have ended, within the drain limit.
    pub async fn ended(&self) {
        self.stop.cancelled().await;
        let limit = Duration::from_secs(DRAIN_SECS_MAX);
        let _ = tokio::time::timeout(limit, self.tracker.wait()).await;
    }

    /// Ends the tasks and waits for them, within the drain limit.
    pub async fn drain(&self) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(Duration::from_secs(DRAIN_SECS_MAX), self.tracker.wait())
            .await
            .is_err()
        {
            tracing::warn!("some background tasks did not finish in time");
        }
    }
}
