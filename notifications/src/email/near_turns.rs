//! From turns that are near to emails: whoever asked for one gets it, however many processes look.

use std::time::Duration;

use kit::{http::RequestId, serve::Tasks};
use waitroom::contract::{near_turns, note_heard};

use super::kind::{EmailKind, NewEmail};
use crate::{App, store::email as store};

const EVERY: Duration = Duration::from_secs(2);
const BATCH_MAX: i64 = 500;

pub fn start(app: &App, tasks: &Tasks) {
    let app = app.clone();
    tasks.every("writing to those whose turn is near", EVERY, move || {
        let app = app.clone();
        async move {
            while add_some(&app).await? {}
            Ok(())
        }
    });
}

/// Adds emails, then says that they are seen to: between the two they are found again, and are
/// there. Says whether there may be more.
async fn add_some(app: &App) -> sqlx::Result<bool> {
    let turns = near_turns(&app.pool, BATCH_MAX).await?;
    if turns.is_empty() {
        return Ok(false);
    }
    let RequestId(request_id) = RequestId::fresh();
    let email = |subject: &_| NewEmail {
        kind: EmailKind::NearTurn,
        subject: *subject,
        request_id: request_id.clone(),
    };
    let emails: Vec<NewEmail> = turns.iter().map(email).collect();
    if store::add(&app.pool, &emails).await? > 0 {
        app.wake.notify_one();
    }
    note_heard(&app.pool, &turns).await?;
    Ok(turns.len() as i64 == BATCH_MAX)
}
