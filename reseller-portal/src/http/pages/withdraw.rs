//! Withdrawing a show: first what will happen, then doing it.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::{Show, price, withdraw_own_show};
use kit::{extract::Path, http::RequestId};

use super::frame::Frame;
use crate::{
    App,
    error::{Error, Thing},
    http::{
        address::show_id,
        session::{Approved, Posted, Session},
    },
    stock,
};

#[derive(Template)]
#[template(path = "portal/withdraw.html")]
struct WithdrawPage {
    frame: Frame,
    show: Show,
    /// Tickets in orders that are paid, and in orders that wait for it.
    sold: String,
    reserved: String,
}

/// `GET /portal/shows/{show}/withdraw`
pub async fn preview(
    State(app): State<App>,
    session: Session<Approved>,
    Path(show): Path<String>,
) -> Result<Response, Error> {
    let show = show_id(&show, Thing::Show)?;
    let found = super::show::own(&app, &session, &show).await?;
    if found.published_at.is_none() || found.withdrawn_at.is_some() {
        return Ok(Redirect::to(&format!("/portal/shows/{show}")).into_response());
    }
    let counts = stock::counts(&app, &show).await?;
    let number = |number: i64| price::grouped(number.unsigned_abs());
    Ok(kit::page::html(&WithdrawPage {
        frame: Frame::new(&session, "/portal/shows"),
        show: found.show,
        sold: number(counts.values().map(|count| count.sold).sum()),
        reserved: number(counts.values().map(|count| count.reserved).sum()),
    }))
}

/// `POST /portal/shows/{show}/withdraw`
pub async fn withdraw(
    State(app): State<App>,
    Path(show): Path<String>,
    request: RequestId,
    Posted { session, .. }: Posted<Approved>,
) -> Result<Response, Error> {
    let by = format!("reseller {}", session.person.email);
    let show = show_id(&show, Thing::Show)?;
    withdraw_own_show(&app.pool, session.person.reseller, &show, &by, &request)
        .await
        .map_err(|fault| Error::of_catalog(fault, Thing::Show))?;
    Ok(Redirect::to(&format!("/portal/shows/{show}?withdrawn=true")).into_response())
}
