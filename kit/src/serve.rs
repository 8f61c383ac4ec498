//! Listening and draining.

use std::{future::Future, time::Duration};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

mod connections;

pub use connections::{ConnectionLimits, Endpoint};

/// How long requests and background tasks may take to finish after SIGTERM.
const DRAIN_SECS_MAX: u64 = 20;

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

/// Serves until SIGTERM or Ctrl-C, then lets open requests finish and drains `tasks`. `management`
/// answers until the end.
pub async fn serve(public: Endpoint, management: Endpoint, tasks: Tasks) {
    serve_until(public, Some(management), tasks, ended()).await;
}

/// Serves on an open listener until `end` resolves.
pub async fn serve_on(
    listener: TcpListener,
    router: Router,
    tasks: Tasks,
    end: impl Future<Output = ()> + Send,
) {
    serve_until(
        Endpoint { listener, router, limits: ConnectionLimits::default() },
        None,
        tasks,
        end,
    )
    .await;
}

/// Serves at both endpoints until `end` resolves.
pub async fn serve_until(
    public: Endpoint,
    management: Option<Endpoint>,
    tasks: Tasks,
    end: impl Future<Output = ()> + Send,
) {
    let management = management
        .map(|endpoint| tokio::spawn(connections::take(endpoint, CancellationToken::new())));
    let draining = tasks.draining();
    let begin_draining = async {
        end.await;
        tracing::info!("draining");
        draining.cancel();
        tokio::time::sleep(Duration::from_secs(DRAIN_SECS_MAX)).await;
    };
    tokio::select! {
        () = connections::take(public, draining.clone()) => {}
        () = begin_draining => tracing::warn!("some connections did not finish in time"),
    }
    tasks.drain().await;
    if let Some(management) = management {
        management.abort();
    }
}

async fn ended() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            () = interrupt => {}
            _ = terminate.recv() => {}
        },
        Err(_) => interrupt.await,
    }
}
