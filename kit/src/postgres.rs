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
        // A plan kept from when a table was small would read all of it for as long as the
        // connection lives: in a sale that begins with no orders, the planner is to look each time.
        // And disks turn no more.
        .options([("plan_cache_mode", "force_custom_plan"), ("random_page_cost", "1.1")])
        .log_slow_statements(tracing::log::LevelFilter::Warn, Duration::from_secs(1));
    Ok(PgPoolOptions::new()
        // Asking each time whether a connection lives costs a trip to the server. One that was in
        // use a moment ago does, nearly always; else the statement fails as one does whose
        // connection is cut.
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(
                async move { Ok(about.idle_for < TRUSTED_IDLE || connection.ping().await.is_ok()) },
            )
        })
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(3))
        .max_lifetime(Duration::from_secs(30 * 60))
        .connect_lazy_with(options))
}

/// A pool of its own for the same database.
pub fn another(pool: &PgPool, connections_max: u32) -> PgPool {
    let options = pool.options().clone().max_connections(connections_max);
    options.connect_lazy_with((*pool.connect_options()).clone())
}

/// Whether the same statement may succeed in a moment: no connection, a server that is stopping or
/// starting, a lock that was not had in time, a deadlock, a statement that was cut off.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Tls(_) => true,
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

/// Whether the same statement will fail however often it is tried: what it carries does not fit
/// (SQLSTATE class 22), breaks a constraint (class 23), or could not be read or written by our own
/// code. All else may pass: a disk that is full, a server that takes no writes, a schema that is
/// not migrated yet. Who follows a log must wait then, and lose nothing.
pub fn is_for_good(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::Encode(_) => true,
        sqlx::Error::Database(database) => is_code_for_good(&database.code().unwrap_or_default()),
        _ => false,
    }
}

fn is_code_for_good(code: &str) -> bool {
    code.starts_with("22") || code.starts_with("23")
}

/// The name of the constraint that a statement ran into.
pub fn violated_constraint(error: &sqlx::Error) -> Option<&str> {
    error.as_database_error().and_then(|database| database.constraint())
}

/// 503 for what passes by itself, 500 for the rest.
pub fn problem(error: &sqlx::Error) -> Problem {
    if is_transient(error) { Problem::unavailable(error) } else { Problem::internal(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_not_fit_is_for_good() {
        for code in ["22003", "22021", "23502", "23505", "23514"] {
            assert!(is_code_for_good(code), "{code}");
        }
        // Disk full, out of memory, read-only, I/O error, not migrated, not allowed, stopping, a
        // lock, a deadlock, a bug.
        for code in [
            "53100", "53200", "25006", "58030", "42P01", "42703", "42501", "57P01", "55P03",
            "40P01", "XX000", "",
        ] {
            assert!(!is_code_for_good(code), "{code}");
        }
        assert!(is_for_good(&sqlx::Error::Decode("an unknown state".into())));
        for passing in
            [sqlx::Error::PoolTimedOut, sqlx::Error::WorkerCrashed, sqlx::Error::RowNotFound]
        {
            assert!(!is_for_good(&passing), "{passing}");
        }
    }
}
