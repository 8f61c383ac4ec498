//! Sends what is due. Any number of senders may run, in one process or many; a letter has one of
//! them at a time.

use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use chrono::Utc;
use futures::future::join_all;
use kit::serve::Tasks;
use lettre::AsyncTransport;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    App,
    kind::Kind,
    message, occasion,
    retry::{self, Fault, Next},
    store::{self, Due},
};

/// Letters in the air at once, a sender.
pub const AT_ONCE: usize = 8;
/// How long the mail server may take for one answer.
pub const SMTP_STEP: Duration = Duration::from_secs(10);
/// How long one letter may take, from looking up to acceptance; less than a drain lasts.
const LETTER_MAX: Duration = Duration::from_secs(15);
/// Longer than a letter may take and its outcome be noted, so that no other sender takes it
/// meanwhile.
const LEASE: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(30);
const COUNT_EVERY: Duration = Duration::from_secs(15);
/// Days after which a letter that was sent or given up is forgotten. Its row keeps an event that
/// comes again from becoming a second letter, and Kafka keeps events for a week.
const KEPT_DAYS: i32 = 90;
const FORGET_EVERY: Duration = Duration::from_secs(3_600);

pub fn start(app: &App, tasks: &Tasks) {
    tasks.spawn(run(app.clone(), tasks.stop()));
    let counted = app.clone();
    tasks.every("counting letters", COUNT_EVERY, move || count(counted.clone()));
    let pool = app.pool.clone();
    tasks.every("forgetting old letters", FORGET_EVERY, move || {
        let pool = pool.clone();
        async move { Ok(store::forget_old(&pool, KEPT_DAYS).await.map(drop)?) }
    });
}

async fn run(app: App, stop: CancellationToken) {
    let mut said: Option<Instant> = None;
    while !stop.is_cancelled() {
        // A round is never cut short: a letter that was accepted must be noted.
        let pause = match round(&app).await {
            Ok(0) => IDLE,
            Ok(_) => continue,
            Err(error) => {
                if said.is_none_or(|at| at.elapsed() > SAY_AGAIN) {
                    said = Some(Instant::now());
                    tracing::warn!(%error, "letters wait to be sent");
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
    join_all(due.iter().map(|letter| deliver(app, letter))).await;
    Ok(due.len())
}

async fn deliver(app: &App, due: &Due) {
    let outcome = match timeout(LETTER_MAX, send(app, due)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Fault::Away("sending took too long")),
    };
    let label = match &outcome {
        Ok(()) => "sent",
        Err(fault) => log(due, fault),
    };
    metrics::counter!("fairgate_letters_total", "kind" => due.kind.clone(), "outcome" => label)
        .increment(1);
    // As long as the lease lasts it is better to insist than to send again.
    let noted = (|| note(app, due, &outcome))
        .retry(
            ExponentialBuilder::default().with_max_delay(Duration::from_secs(5)).with_max_times(8),
        )
        .await;
    if let Err(error) = noted {
        tracing::error!(letter = %due.letter, outcome = label, %error, "what became of a letter \
            could not be noted");
    }
}

async fn send(app: &App, due: &Due) -> Result<(), Fault> {
    let kind = Kind::named(&due.kind)
        .ok_or(Fault::Later("a kind of letter that this version does not know"))?;
    let found = occasion::look_up(app, due.letter, kind, due.subject).await?;
    let message = message::build(due.letter, &app.from, &found.address, &found.occasion)?;
    app.smtp.send(message).await.map(drop).map_err(|error| fault_of(&error))
}

fn fault_of(error: &lettre::transport::smtp::Error) -> Fault {
    match error.status() {
        Some(code) => Fault::Refused(code.into()),
        // Such as letters that the server does not know in the part before the @.
        None if error.is_client() => Fault::Never("the mail server cannot take this address"),
        None if error.is_timeout() => Fault::Away("the mail server did not answer in time"),
        None if error.is_tls() => {
            Fault::Away("no encrypted connection to the mail server could be made")
        }
        None => Fault::Away("the mail server cannot be reached"),
    }
}

fn verdict(due: &Due, fault: &Fault) -> Next {
    let age = (Utc::now() - due.since).to_std().unwrap_or_default();
    retry::next(fault, u32::try_from(due.attempts).unwrap_or(1), age)
}

/// Notes a failure in the log, and says what it is called in the metrics.
fn log(due: &Due, fault: &Fault) -> &'static str {
    let Due { letter, kind, request_id, attempts, .. } = due;
    match verdict(due, fault) {
        Next::GiveUp => {
            tracing::warn!(%letter, kind, request_id, attempts, fault = fault.words(), "a letter was given up");
            "given_up"
        }
        Next::After(pause) => {
            let secs = pause.as_secs();
            tracing::info!(%letter, kind, request_id, attempts, secs, fault = fault.words(), "a letter will be tried again");
            "failed"
        }
    }
}

async fn note(app: &App, due: &Due, outcome: &Result<(), Fault>) -> sqlx::Result<()> {
    let Err(fault) = outcome else { return store::sent(&app.pool, due.letter).await };
    match verdict(due, fault) {
        Next::GiveUp => store::give_up(&app.pool, due.letter, &fault.words()).await,
        Next::After(pause) => store::try_again(&app.pool, due.letter, pause, &fault.words()).await,
    }
}

async fn count(app: App) -> anyhow::Result<()> {
    let backlog = store::backlog(&app.pool).await?;
    metrics::gauge!("fairgate_letters_waiting").set(backlog.letters as f64);
    metrics::gauge!("fairgate_letters_oldest_seconds").set(backlog.oldest_secs);
    Ok(())
}

#[cfg(test)]
mod tests {
    use testkit::TestEnv;

    use super::*;

    #[tokio::test]
    async fn letters_that_are_long_done_with_are_forgotten_and_those_that_wait_are_not() {
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
        sqlx::query(sql).execute(&test_env.pool).await.expect("letters");
        assert_eq!(store::forget_old(&test_env.pool, KEPT_DAYS).await.expect("forgotten"), 2);
        let kept = "SELECT request_id FROM notifications.letters ORDER BY request_id";
        let kept: Vec<String> =
            sqlx::query_scalar(kept).fetch_all(&test_env.pool).await.expect("letters");
        assert_eq!(kept, ["given up", "sent late", "waits"]);
    }
}
