//! Sends what is due. Any number of senders may run, in one process or many; an email has one of
//! them at a time.

use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use chrono::Utc;
use futures::future::join_all;
use kit::serve::Tasks;
use lettre::AsyncTransport;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    email_context,
    kind::EmailKind,
    message,
    queue::DueEmail,
    retry::{self, Next, SendError},
};
use crate::{App, config::AT_ONCE, store::email as store};

/// How long one email may take, from looking up to acceptance; less than a drain lasts.
const EMAIL_MAX: Duration = Duration::from_secs(15);
/// Longer than an email may take and its outcome be noted, so that no other sender takes it
/// meanwhile.
const LEASE: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(30);
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// Days after which an email that was sent or given up is forgotten. Its row keeps an event that
/// comes again from becoming a second email, and Kafka keeps events for a week.
const KEPT_DAYS: i32 = 90;
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

pub fn start(app: &App, tasks: &Tasks) {
    tasks.spawn(run(app.clone(), tasks.stop()));
    let counted = app.clone();
    tasks.every("counting emails", COUNT_EVERY, move || count(counted.clone()));
    let pool = app.pool.clone();
    tasks.every("forgetting old emails", FORGET_EVERY, move || {
        let pool = pool.clone();
        async move { Ok(store::forget_old(&pool, KEPT_DAYS).await.map(drop)?) }
    });
}

async fn run(app: App, stop: CancellationToken) {
    let mut said: Option<Instant> = None;
    while !stop.is_cancelled() {
        // A round is never cut short: an email that was accepted must be noted.
        let pause = match round(&app).await {
            Ok(0) => IDLE,
            Ok(_) => continue,
            Err(error) => {
                if said.is_none_or(|at| at.elapsed() > SAY_AGAIN) {
                    said = Some(Instant::now());
                    tracing::warn!(%error, "emails wait to be sent");
                }
                AGAIN
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = app.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Takes what is due, as many as go at once, and says how many it was.
async fn round(app: &App) -> sqlx::Result<usize> {
    let due = store::take(&app.pool, AT_ONCE as i64, LEASE).await?;
    join_all(due.iter().map(|email| deliver(app, email))).await;
    Ok(due.len())
}

async fn deliver(app: &App, due: &DueEmail) {
    let outcome = match timeout(EMAIL_MAX, send(app, due)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(SendError::Away("sending took too long")),
    };
    let label = match &outcome {
        Ok(()) => "sent",
        Err(error) => log(due, error),
    };
    metrics::counter!("fairgate_letters_total", "kind" => due.kind.clone(), "outcome" => label)
        .increment(1);
    // As long as the lease lasts it is better to insist than to send again.
    let noted = (|| note(app, due, &outcome))
        .retry(
            ExponentialBuilder::default().with_max_delay(Duration::from_secs(5)).with_max_times(8),
        )
        .await;
    if is_over(due, &outcome) && due.kind == EmailKind::NearTurn.to_string() {
        // Its address is of no more use. Where this fails, it is forgotten within the hour.
        let _ = waitroom::contract::forget_turn_mail(&app.pool, due.subject).await;
    }
    if let Err(error) = noted {
        tracing::error!(email = %due.id, outcome = label, %error, "what became of an email \
            could not be noted");
    }
}

async fn send(app: &App, due: &DueEmail) -> Result<(), SendError> {
    let kind = due
        .kind
        .parse::<EmailKind>()
        .map_err(|_| SendError::Later("a kind of email that this version does not know"))?;
    let found = email_context::look_up(app, due.id, kind, due.subject).await?;
    let message = message::build(due.id, &app.from, &found.address, &found.context)?;
    app.smtp.send(message).await.map(drop).map_err(|error| send_error(&error))
}

fn send_error(error: &lettre::transport::smtp::Error) -> SendError {
    match error.status() {
        Some(code) => SendError::Refused(code.into()),
        // Such as letters that the server does not know in the part before the @.
        None if error.is_client() => SendError::Never("the mail server cannot take this address"),
        None if error.is_timeout() => SendError::Away("the mail server did not answer in time"),
        None if error.is_tls() => {
            SendError::Away("no encrypted connection to the mail server could be made")
        }
        None => SendError::Away("the mail server cannot be reached"),
    }
}

fn verdict(due: &DueEmail, error: &SendError) -> Next {
    let age = (Utc::now() - due.since).to_std().unwrap_or_default();
    retry::next(error, u32::try_from(due.attempts).unwrap_or(1), age)
}

/// Whether nobody tries again.
fn is_over(due: &DueEmail, outcome: &Result<(), SendError>) -> bool {
    outcome.as_ref().err().is_none_or(|error| verdict(due, error) == Next::GiveUp)
}

/// Notes a failure in the log, and says what it is called in the metrics.
fn log(due: &DueEmail, error: &SendError) -> &'static str {
    let DueEmail { id: email, kind, request_id, attempts, .. } = due;
    match verdict(due, error) {
        Next::GiveUp => {
            tracing::warn!(%email, kind, request_id, attempts, %error, "an email was given up");
            "given_up"
        }
        Next::After(pause) => {
            let secs = pause.as_secs();
            tracing::info!(%email, kind, request_id, attempts, secs, %error, "an email will be \
                tried again");
            "failed"
        }
    }
}

async fn note(app: &App, due: &DueEmail, outcome: &Result<(), SendError>) -> sqlx::Result<()> {
    let Err(error) = outcome else { return store::sent(&app.pool, due.id).await };
    match verdict(due, error) {
        Next::GiveUp => store::give_up(&app.pool, due.id, &error.to_string()).await,
        Next::After(pause) => store::try_again(&app.pool, due.id, pause, &error.to_string()).await,
    }
}

async fn count(app: App) -> anyhow::Result<()> {
    let backlog = store::backlog(&app.pool).await?;
    metrics::gauge!("fairgate_letters_waiting").set(backlog.emails as f64);
    metrics::gauge!("fairgate_letters_oldest_seconds").set(backlog.oldest_secs);
    Ok(())
}

#[cfg(test)]
mod tests {
    use testkit::TestEnv;

    use super::*;

    #[tokio::test]
    async fn emails_that_are_long_done_with_are_forgotten_and_those_that_wait_are_not() {
        let test_env = TestEnv::new().await;
        let sql = "INSERT INTO notifications.letters (letter, kind, subject, request_id, \
            created_at, sent_at, given_up)
            SELECT gen_random_uuid(), 'ticket', gen_random_uuid(), name, now() - created * \
            interval '1 day',
                now() - sent * interval '1 day', given_up
            FROM (VALUES ('sent long ago', 100, 95, NULL), ('given up long ago', 95, NULL, 'the \
            order is gone'),
                ('sent late', 95, 2, NULL), ('waits', 400, NULL, NULL), ('given up', 3, NULL, 'the \
                order is gone'))
                AS of (name, created, sent, given_up)";
        sqlx::query(sql).execute(&test_env.pool).await.expect("emails");
        assert_eq!(store::forget_old(&test_env.pool, KEPT_DAYS).await.expect("forgotten"), 2);
        let kept = "SELECT request_id FROM notifications.letters ORDER BY request_id";
        let kept: Vec<String> =
            sqlx::query_scalar(kept).fetch_all(&test_env.pool).await.expect("emails");
        assert_eq!(kept, ["given up", "sent late", "waits"]);
    }
}
