//! A room's draw: how far it is, which a page fetches anew while it is open, and entering what it
//! waits for.

use std::collections::HashMap;

use admission::contract::{Entropy, EntropySource, HexBytes, QUICKNET};
use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Redirect, Response},
};
use chrono::{DateTime, Utc};
use identity::Fields;
use kit::{
    extract::{Path, Query},
    http::RequestId,
    number::counted,
};
use waitroom::contract::{DrandEntry, DrawBody, EntropyEntry, RoomState};

use super::again;
use crate::{
    App,
    error::Error,
    http::{
        pages::{
            rooms::ConfirmPage,
            view::{Faults, Frame},
        },
        session::{Anyone, Posted, Session},
    },
    room::{
        draw::{DrawStep, awaited_round, step},
        figures::RoomFigures,
        live,
        method::{SOURCES, of},
        settings,
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

/// What a form enters. Lines end as everywhere but in forms, and nothing stands around the text.
fn entry_of(fields: &Fields) -> Result<EntropyEntry, Error> {
    if !fields.0.contains_key("signature") {
        let text = fields.raw("text").replace("\r\n", "\n").trim().to_owned();
        return Ok(EntropyEntry::Text(text));
    }
    let round = fields.number("round")?;
    let round = round.ok_or_else(|| Error::field("drand.round", "Give the round's number."))?;
    let signature: HexBytes<48> =
        fields.text("signature").to_lowercase().parse().map_err(|_| {
            Error::field("drand.signature", "Give the 96 hexadecimal digits of the signature.")
        })?;
    Ok(EntropyEntry::Drand(DrandEntry { round, signature }))
}

/// `GET /admin/rooms/{room}/entropy`: what entering it does.
pub async fn entropy_preview(
    State(app): State<App>,
    session: Session<Anyone>,
    Path(room): Path<String>,
    Query(fields): Query<HashMap<String, String>>,
) -> Result<Response, Error> {
    let live = live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?;
    let fields = Fields(fields);
    let checked = match entry_of(&fields) {
        Ok(entry) => {
            settings::check_entropy(&app, &room, &entry).await.map(|entropy| (entry, entropy))
        }
        Err(error) => Err(error),
    };
    match checked {
        Ok((entry, entropy)) => Ok(confirm(&app, &session, &live, entry, &entropy)),
        Err(error @ Error::Field { .. }) => again(&app, &session, live, &fields, error).await,
        Err(error) => Err(error),
    }
}

fn confirm(
    app: &App,
    session: &Session<Anyone>,
    live: &RoomFigures,
    entry: EntropyEntry,
    entropy: &Entropy,
) -> Response {
    let what = match entropy {
        Entropy::Drand(beacon) => {
            format!("Round {} of drand is mixed in; its signature holds.", beacon.round)
        }
        _ => {
            let bytes = entropy.bytes();
            let text = String::from_utf8_lossy(&bytes);
            format!(
                "“{text}” is mixed in, exactly as it stands between the quotation marks: {}.",
                counted(bytes.len() as i64, "byte", "bytes")
            )
        }
    };
    let entries = live.room.draw.as_ref().and_then(DrawBody::entries).unwrap_or_default();
    let hidden = match entry {
        EntropyEntry::Text(text) => vec![("text", text)],
        EntropyEntry::Drand(DrandEntry { round, signature }) => {
            vec![("round", round.to_string()), ("signature", signature.to_string())]
        }
    };
    kit::page::html(&ConfirmPage {
        frame: Frame::new(app, session, "/admin"),
        title: format!("Make the draw of {}", live.title()),
        note: None,
        effects: vec![
            what,
            format!(
                "The draw is made at once: {} in it, all get their places, the secret is told, \
                    and the room opens. This cannot be undone, and nothing else can be mixed in \
                    later.",
                counted(entries, "fan is", "fans are")
            ),
        ],
        settings: Vec::new(),
        back: format!("/admin/rooms/{}", live.room.room),
        action: format!("/admin/rooms/{}/entropy", live.room.room),
        hidden,
        reason: None,
        faults: Faults::default(),
        danger: false,
        button: "Mix it in and draw",
    })
}

/// `POST /admin/rooms/{room}/entropy`: entering it, once confirmed.
pub async fn enter(
    State(app): State<App>,
    Path(room): Path<String>,
    request: RequestId,
    Posted { session, form: fields }: Posted<Anyone>,
) -> Result<Response, Error> {
    let entered = match entry_of(&fields) {
        Ok(entry) => settings::enter_entropy(&app, &session.person, &room, &entry, &request).await,
        Err(error) => Err(error),
    };
    match entered {
        Ok(_) => {
            let page = format!("/admin/rooms/{room}?done=draw#draw");
            Ok(Redirect::to(&page).into_response())
        }
        Err(error @ Error::Field { .. }) => {
            let live = live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?;
            again(&app, &session, live, &fields, error).await
        }
        Err(error) => Err(error),
    }
}
