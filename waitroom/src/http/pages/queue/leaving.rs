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
    /// How many are ahead; `None` where it is the fan's turn.
    ahead: Option<i64>,
    /// Where the place stays as it is.
    back: String,
    /// What the form's address ends in.
    query: String,
}

impl LeavePage {
    fn ahead_words(&self) -> String {
        self.ahead.map_or_else(|| "It is your turn.".to_owned(), told::ahead)
    }
}

/// `GET /queue/{show}/leave`
pub async fn page(holder: Holder) -> Response {
    let back = holder.page();
    let Holder { room, show, kept: Some(kept), .. } = holder else {
        return back.into_response();
    };
    let body = standing(&room, &kept.claims, Utc::now());
    if !matches!(body.state, PlaceState::Waiting | PlaceState::YourTurn) {
        return back.into_response();
    }
    let page = LeavePage {
        back: kept.path(&show.show),
        query: kept.query(),
        show,
        ahead: (body.state == PlaceState::Waiting).then_some(body.ahead),
    };
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
