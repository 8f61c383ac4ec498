//! Sends what is due. Any number of senders may run, in one process or many; a letter has one of them at a time.

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
/// Longer than a letter may take and its outcome be noted, so that no other sender takes it meanwhile.
const LEASE: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_millis(500);
const AGAIN: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(30);
const COUNT_EVERY: Duration = Duration::from_secs(15);

pub fn start(app: &App, tasks: &Tasks) {
    tasks.spawn(run(app.clone(), tasks.stop()));
    let app = app.clone();
    tasks.every("counting letters", COUNT_EVERY, move || count(app.clone()));
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
    metrics::counter!("fairgate_letters_total", "kind" => due.kind.clone(), "outcome" => label).increment(1);
    // As long as the lease lasts it is better to insist than to send again.
    let noted = (|| note(app, due, &outcome))
        .retry(ExponentialBuilder::default().with_max_delay(Duration::from_secs(5)).with_max_times(8))
        .await;
    if let Err(error) = noted {
        tracing::error!(letter = %due.letter, outcome = label, %error, "what became of a letter could not be noted");
    }
}

async fn send(app: &App, due: &Due) -> Result<(), Fault> {
    let kind = Kind::named(&due.kind).ok_or(Fault::Later("a kind of letter that this version does not know"))?;
    let found = occasion::look_up(app, kind, due.subject).await?;
    let message = message::build(due.letter, &app.from, &found.address, &found.occasion)?;
    app.smtp.send(message).await.map(drop).map_err(|error| fault_of(&error))
}

fn fault_of(error: &lettre::transport::smtp::Error) -> Fault {
    match error.status() {
        Some(code) => Fault::Refused(code.into()),
        // Such as letters that the server does not know in the part before the @.
        None if error.is_client() => Fault::Never("the mail server cannot take this address"),
        None if error.is_timeout() => Fault::Away("the mail server did not answer in time"),
        None if error.is_tls() => Fault::Away("no encrypted connection to the mail server could be made"),
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
