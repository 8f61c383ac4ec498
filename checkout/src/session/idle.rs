//! Ends sessions that nobody buys in any more, so that their slots go to those who wait: whoever
//! bought is done, whoever went away without a word is not waited for.

use std::collections::HashMap;

use admission::contract::{GateState, RoomName};
use chrono::{TimeDelta, Utc};

use crate::{
    App, Error,
    hold::current::open_hold,
    session::{SessionId, activity, end},
    store::session::{self as store, UnusedSession},
};

/// Whoever gave an order up, or let it run out, gets so long to choose anew, or less where the
/// setting says less.
const CHOOSE_ANEW: TimeDelta = TimeDelta::seconds(30);

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Its order was paid.
    Finished,
    /// It holds nothing, has no order and made no call for a while.
    Idle,
}

/// One round over the rooms in which somebody is, and that are not closed.
///
/// # Errors
/// Postgres or Redis away.
pub async fn sweep(app: &App) -> anyhow::Result<()> {
    // Rooms that sleep are many; those in which somebody is are few.
    let busy = store::rooms_inside(&app.pool).await?;
    let mut gates = admission::contract::gates(&app.pool, &busy).await?;
    gates.retain(|gate| gate.state != GateState::Closed);
    let rooms: Vec<String> = gates.into_iter().map(|gate| gate.room.into()).collect();
    let idle = TimeDelta::from_std(app.config.session_idle)?;
    let soonest = idle.min(CHOOSE_ANEW);
    let mut unused: HashMap<RoomName, Vec<UnusedSession>> = HashMap::new();
    for session in store::unused(&app.pool, &rooms, soonest.as_seconds_f64()).await? {
        unused.entry(session.room.clone()).or_default().push(session);
    }
    let longest = idle + TimeDelta::from_std(app.config.session_ttl)?;
    for (room, sessions) in unused {
        let (done, waiting): (Vec<_>, Vec<_>) = sessions.into_iter().partition(|one| one.finished);
        for session in done {
            over(app, session.session, Over::Finished).await?;
        }
        let ids: Vec<SessionId> = waiting.iter().map(|one| one.session).collect();
        let calls = activity::last_calls(app, &room, &ids).await?;
        let slack = TimeDelta::from_std(activity::pause(app))?;
        for (session, called) in waiting.into_iter().zip(calls) {
            let after = if session.had_order { soonest } else { idle } + slack;
            if Utc::now() - called >= after && open_hold(app, session.session).await?.is_none() {
                over(app, session.session, Over::Idle).await?;
            }
        }
        activity::forget_before(app, &room, Utc::now() - longest).await?;
    }
    Ok(())
}

async fn over(app: &App, session: SessionId, why: Over) -> Result<(), Error> {
    let ended = match why {
        Over::Finished => end::end(app, session).await.map(|()| true)?,
        Over::Idle => end::end_unused(app, session).await?,
    };
    if ended {
        let why = match why {
            Over::Finished => "finished",
            Over::Idle => "idle",
        };
        metrics::counter!("fairgate_sessions_ended_total", "why" => why).increment(1);
        tracing::debug!(%session, why, "a session is over");
    }
    Ok(())
}
