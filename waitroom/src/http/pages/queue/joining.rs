//! Joining the line from its page.

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    app::App,
    error::Error,
    http::{
        joining::Joining,
        pages::queue::{
            holder::Holder,
            kept::{Kept, keep_place},
        },
    },
    line::keyed_join::JoinKey,
    place::standing::{PlaceState, standing},
    room::live::Room,
};

#[derive(Default, Deserialize)]
pub struct JoinForm {
    /// Set by whoever missed the window, or used the turn, and wants a new place.
    again: Option<String>,
    /// Made with the page: whoever got no answer and presses again finds the place that they have.
    key: Option<String>,
}

/// The key that a page was made with; `None` where it is none of ours.
pub fn page_key(room: &Room, key: &str) -> Option<JoinKey> {
    let key = key.parse::<Uuid>().ok()?;
    Some(JoinKey::new(room, "page", &key.to_string()))
}

pub async fn join(
    State(app): State<App>,
    Holder { room, show, kept, keeps_cookies, .. }: Holder,
    joining: Joining,
    form: Result<Form<JoinForm>, FormRejection>,
) -> Result<Response, Error> {
    let form = form.map_or_else(|_| JoinForm::default(), |Form(form)| form);
    if let Some(kept) = kept {
        let state = standing(&room, &kept.claims, Utc::now()).state;
        let may_join = match state {
            // Pressing the button twice, or in two tabs, keeps the one place.
            PlaceState::InDraw | PlaceState::Waiting => false,
            PlaceState::YourTurn | PlaceState::WindowMissed => form.again.is_some(),
            PlaceState::Left => true,
        };
        if !may_join {
            return Ok(Redirect::to(&kept.path(&show.show)).into_response());
        }
    }
    joining.at(&room, &app.pool).await?;
    let key = form.key.as_deref().and_then(|key| page_key(&room, key));
    let joined = app.join(&room, key).await?;
    // Without the cookie that the entrance set, this one may not be kept either.
    let address = (!keeps_cookies).then(|| joined.ticket.clone());
    let back = Redirect::to(&Kept { claims: joined.claims, address }.path(&show.show));
    let cookie = keep_place(&app, &room, &joined.ticket);
    Ok((AppendHeaders([cookie]), back).into_response())
}
