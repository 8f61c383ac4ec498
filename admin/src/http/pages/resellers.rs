//! Resellers: who they are, and deciding about them.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::ResellerId;
use identity::form::shown_again;
use kit::{
    extract::{Path, Query},
    http::RequestId,
    paging::Page,
};
use reseller_portal::contract::{ResellerEntry, ResellerState, reseller};
use serde::Deserialize;

use super::{
    rooms::ConfirmPage,
    view::{Faults, Frame, faults_of},
};
use crate::{
    App,
    error::Error,
    http::session::{Admins, Posted, Session},
    reseller::{list, set_state},
};

#[derive(Template)]
#[template(path = "admin/resellers.html")]
struct ResellersPage {
    frame: Frame,
    resellers: Vec<ResellerEntry>,
    next: Option<ResellerId>,
}

#[derive(Deserialize)]
pub struct ListParams {
    after: Option<ResellerId>,
}

/// What may be decided about a reseller in a state, with the words of the buttons.
pub fn choices(state: &ResellerState) -> &'static [(&'static str, &'static str)] {
    match state {
        ResellerState::Pending => &[("approved", "Approve…"), ("declined", "Decline…")],
        ResellerState::Approved => &[("suspended", "Suspend…")],
        ResellerState::Declined => &[("approved", "Approve after all…")],
        ResellerState::Suspended => &[("approved", "Let sell again…")],
    }
}

/// `GET /admin/resellers`
pub async fn all(
    State(app): State<App>,
    session: Session<Admins>,
    Query(params): Query<ListParams>,
) -> Result<Response, Error> {
    let Page { items: resellers, next } = list(&app, None, params.after).await?;
    Ok(kit::page::html(&ResellersPage {
        frame: Frame::new(&app, &session, "/admin/resellers"),
        resellers,
        next,
    }))
}

async fn confirm(
    app: &App,
    session: &Session<Admins>,
    id: ResellerId,
    state: &str,
    faults: Faults,
) -> Result<Response, Error> {
    let known = reseller(&app.pool, id).await?.ok_or(Error::ResellerUnknown)?;
    if !choices(&known.state).iter().any(|(name, _)| *name == state) {
        return Ok(Redirect::to("/admin/resellers").into_response());
    }
    let name = &known.name;
    let (title, effect, button) = match state {
        "approved" => (
            format!("Approve {name}"),
            format!(
                "{name} can publish shows and sell tickets from now on. What of theirs was stopped \
                    goes on."
            ),
            "Approve",
        ),
        "declined" => (
            format!("Decline {name}"),
            format!("{name} cannot sell. They read your reason when they sign in."),
            "Decline",
        ),
        _ => (
            format!("Suspend {name}"),
            format!(
                "Within seconds {name}'s pages and API keys stop working, nothing of their shows \
                    is sold, and nobody is let in to their lines; whoever waits keeps their place \
                    and reads that nothing is sold right now. Orders that were placed can be paid, \
                    and tickets stay valid. All of it goes on when you let them sell again. They \
                    read your reason when they sign in."
            ),
            "Suspend",
        ),
    };
    Ok(kit::page::html(&ConfirmPage {
        frame: Frame::new(app, session, "/admin/resellers"),
        title,
        note: None,
        effects: vec![effect],
        settings: Vec::new(),
        back: "/admin/resellers".to_owned(),
        action: format!("/admin/resellers/{id}/{state}"),
        hidden: Vec::new(),
        reason: (state != "approved").then_some("Reason, for the reseller"),
        faults,
        danger: state != "approved",
        button,
    }))
}

/// `GET /admin/resellers/{reseller}/{state}`: what a decision does.
pub async fn preview(
    State(app): State<App>,
    session: Session<Admins>,
    Path((id, state)): Path<(ResellerId, String)>,
) -> Result<Response, Error> {
    confirm(&app, &session, id, &state, Faults::default()).await
}

/// `POST /admin/resellers/{reseller}/{state}`
pub async fn decide(
    State(app): State<App>,
    Path((id, state)): Path<(ResellerId, String)>,
    request: RequestId,
    Posted { session, form: fields }: Posted<Admins>,
) -> Result<Response, Error> {
    let decided = state.parse::<ResellerState>().map_err(|_| Error::ResellerUnknown)?;
    match set_state(&app, &session.person, id, (decided, Some(fields.text("reason"))), &request)
        .await
    {
        Ok(_) => Ok(Redirect::to("/admin/resellers").into_response()),
        Err(error) => {
            let page = confirm(&app, &session, id, &state, faults_of(error)?).await?;
            Ok(shown_again(page))
        }
    }
}
