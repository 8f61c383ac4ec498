//! A room's draw: how far it is, which a page fetches anew while it is open, and the form for what
//! it waits for.

use admission::contract::{Entropy, EntropySource, QUICKNET};
use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use identity::Fields;
use kit::extract::Path;
use waitroom::contract::{DrawBody, RoomState};

use crate::{
    App,
    error::Error,
    http::session::{Anyone, Session},
    room::{
        draw::{DrawStep, awaited_round, step},
        figures::RoomFigures,
        live,
        method::{SOURCES, of},
        words::count,
    },
};

/// How a draw stands, to be shown within a page.
#[derive(Template)]
#[template(path = "admin/draw.html")]
struct DrawPart {
    step: DrawStep,
    words: String,
    room: RoomState,
    draw: DrawBody,
    /// How many are in the draw: of an open one, so far.
    entries: i64,
    /// The round that it waits for, and when it is out.
    round: Option<(u64, DateTime<Utc>)>,
}

/// What somebody may enter now.
pub struct EntropyForm {
    /// Whether it is a round rather than a text.
    pub is_drand: bool,
    pub text: String,
    pub round: String,
    pub signature: String,
    pub chain: &'static str,
}

/// The draw of a room as it stands; `None` where it makes none.
pub fn part(live: &RoomFigures, now: DateTime<Utc>) -> Result<Option<String>, Error> {
    let (Some(step), Some(draw)) = (step(&live.room), live.room.draw.clone()) else {
        return Ok(None);
    };
    let round = match step {
        DrawStep::Awaiting { source: EntropySource::Drand, frozen_at } => {
            Some(awaited_round(frozen_at))
        }
        _ => None,
    };
    let entries = draw.entries().unwrap_or(live.flow.waiting);
    let (words, room) = (step.words(now), live.room.clone());
    let part = DrawPart { step, words, room, draw, entries, round }.render();
    part.map(Some).map_err(|error| Error::Away(anyhow::anyhow!("rendering a draw: {error}")))
}

impl DrawPart {
    /// What will be or was mixed in, by its title.
    fn source(&self) -> &'static str {
        of(&SOURCES, self.draw.entropy_source).title
    }

    /// Each lane with its end, once those are fixed.
    fn ends(&self) -> Vec<(usize, String)> {
        let ends = self.draw.ends.iter().flatten();
        ends.map(|end| count(i64::try_from(*end).unwrap_or(i64::MAX))).enumerate().collect()
    }

    /// In hexadecimal, once it is told.
    fn seed(&self) -> Option<String> {
        self.draw.seed.map(|seed| hex::encode(seed.bytes()))
    }

    fn is_closed(&self) -> bool {
        self.draw.frozen_at.is_some()
    }
}

/// The form, where somebody may enter something now; with what was given in it.
pub fn form(room: &RoomState, given: Option<&Fields>) -> Option<EntropyForm> {
    let step = step(room).filter(|step| step.takes_entry())?;
    let DrawStep::Awaiting { source, frozen_at } = step else { return None };
    let is_drand = source == EntropySource::Drand;
    let value = |name: &str| given.map_or(String::new(), |fields| fields.raw(name).to_owned());
    Some(EntropyForm {
        is_drand,
        text: value("text"),
        round: awaited_round(frozen_at).0.to_string(),
        signature: value("signature"),
        chain: QUICKNET.hash,
    })
}

/// `GET /admin/rooms/{room}/draw`: how the draw stands, alone.
pub async fn draw_part(
    State(app): State<App>,
    _: Session<Anyone>,
    Path(room): Path<String>,
) -> Result<Response, Error> {
    let live = live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?;
    let part = part(&live, Utc::now())?.ok_or(Error::DoesNotDraw)?;
    Ok(Html(part).into_response())
}
