//! Leaving the line on purpose: asked first, because the place is gone then.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use catalog::contract::Show;
use chrono::Utc;

use crate::{
    app::App,
    error::Error,
    http::pages::queue::{
        holder::Holder,
        kept::{forget_place, queue_path},
        told,
    },
    place::standing::{PlaceState, standing},
};

#[derive(Template)]
#[template(path = "queue/leave.html")]
struct LeavePage {
    show: Arc<Show>,
    /// Where the fan stands.
    stands: String,
    /// Where the place stays as it is.
    back: String,
    /// What the form's address ends in.
    query: String,
}

/// `GET /queue/{show}/leave`
pub async fn page(holder: Holder) -> Response {
    let back = holder.page();
    let Holder { room, show, kept: Some(kept), .. } = holder else {
        return back.into_response();
    };
    let body = standing(&room, &kept.claims, Utc::now());
    let stands = match body.state {
        PlaceState::InDraw => "You are in the draw.".to_owned(),
        PlaceState::Waiting => told::ahead(body.ahead.unwrap_or_default()),
        PlaceState::YourTurn => "It is your turn.".to_owned(),
        PlaceState::WindowMissed | PlaceState::Left => return back.into_response(),
    };
    let page = LeavePage { back: kept.path(&show.show), query: kept.query(), show, stands };
    kit::page::html(&page)
}

/// `POST /queue/{show}/leave`
pub async fn leave(
    State(app): State<App>,
    Holder { room, show, kept, .. }: Holder,
) -> Result<Response, Error> {
    if let Some(kept) = kept {
        app.leave(&room, &kept.claims.place).await?;
    }
    let left = Redirect::to(&format!("{}?left=1", queue_path(&show.show)));
    Ok((AppendHeaders([forget_place(&app, &room)]), left).into_response())
}
