//! Being told to end.

/// Resolves at Ctrl-C or SIGTERM.
pub async fn told_to_end() {
    let interrupt = async { drop(tokio::signal::ctrl_c().await) };
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            () = interrupt => {}
            _ = terminate.recv() => {}
        },
        Err(_) => interrupt.await,
    }
}
