//! PostgreSQL: one pool, short limits, and faults sorted into "again soon" and "ours".

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::problem::Problem;

/// For so long an idle connection counts as alive unasked.
const TRUSTED_IDLE: Duration = Duration::from_millis(500);

/// Opens a pool that connects when first needed, so that a process can start before its database.
///
/// # Errors
/// When `url` is not a database URL.
pub fn pool(url: &str, connections_max: u32) -> anyhow::Result<PgPool> {
    let options = PgConnectOptions::from_str(url)?
        .application_name("fairgate")
        .options([("statement_timeout", "8000"), ("lock_timeout", "3000")])
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(1));
    Ok(PgPoolOptions::new()
        // Asking each time whether a connection lives costs a trip to the server. One that was in use a moment ago does,
        // nearly always; else the statement fails as one does whose connection is cut.
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move { Ok(about.idle_for < TRUSTED_IDLE || connection.ping().await.is_ok()) })
        })
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(3))
        .max_lifetime(Duration::from_secs(30 * 60))
        .connect_lazy_with(options))
}

/// Whether the same statement may succeed in a moment: no connection, a server that is stopping or starting, a lock
/// that was not had in time, a deadlock, a statement that was cut off.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => true,
        // A connection cut mid-message surfaces as a protocol error.
        sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            matches!(code.as_ref(), "55P03" | "40001" | "40P01" | "57014" | "53300" | "25P02")
                || code.starts_with("57P")
                || code.starts_with("08")
        }
        _ => false,
    }
}

/// The name of the constraint that a statement ran into.
pub fn violated_constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|database| database.constraint())
}

/// 503 for what passes by itself, 500 for the rest.
pub fn problem(error: &sqlx::Error) -> Problem {
    if is_transient(error) { Problem::unavailable(error) } else { Problem::internal(error) }
}
