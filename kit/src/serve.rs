//! Listening and draining.

use std::{future::Future, time::Duration};

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

mod apart;
mod connections;
mod tasks;

pub use apart::Apart;
pub use connections::{ConnectionLimits, Endpoint};
use tasks::DRAIN_SECS_MAX;
pub use tasks::Tasks;

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
