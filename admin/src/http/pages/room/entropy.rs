//! Entering what a draw waits for, after what it does was shown.

use std::collections::HashMap;

use admission::contract::{Entropy, HexBytes};
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use identity::Fields;
use kit::{
    extract::{Path, Query},
    http::RequestId,
    number::counted,
};
use waitroom::contract::{DrandEntry, DrawBody, EntropyEntry};

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
    room::{figures::RoomFigures, live, settings},
};

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
pub async fn preview(
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
