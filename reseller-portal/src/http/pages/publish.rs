//! Publishing a show: first what will happen, then doing it.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::{self, ResellerShow, price, when};
use chrono::Utc;
use kit::{extract::Path, http::RequestId};

use super::frame::Frame;
use crate::{
    App,
    error::{Error, Thing},
    http::{
        address::show_id,
        session::{Approved, Posted, Session},
    },
};

struct Offer {
    name: String,
    price: String,
    allotted: String,
}

#[derive(Template)]
#[template(path = "portal/publish.html")]
struct PublishPage {
    frame: Frame,
    show: contract::Show,
    offers: Vec<Offer>,
    starts: String,
    /// When the sale begins; `None` where it begins at once.
    on_sale: Option<String>,
    /// Why it cannot be published.
    objection: Option<&'static str>,
}

/// `GET /portal/shows/{show}/publish`
pub async fn preview(
    State(app): State<App>,
    session: Session<Approved>,
    Path(show): Path<String>,
) -> Result<Response, Error> {
    let show = show_id(&show, Thing::Show)?;
    let found = super::show::own(&app, &session, &show).await?;
    if found.published_at.is_some() {
        return Ok(Redirect::to(&format!("/portal/shows/{show}")).into_response());
    }
    let ResellerShow { show, ticket_types, .. } = found;
    let now = Utc::now();
    let allotted =
        |of: &contract::ResellerTicketType| of.allotment.as_ref().map_or(0, |of| of.allotted);
    let objection = if show.starts_at <= now {
        Some("It has begun already. Change its times first.")
    } else if ticket_types.iter().all(|of| allotted(of) == 0) {
        Some("There is nothing to sell. Give a ticket type an allotment first.")
    } else {
        None
    };
    let zone = show.venue.time_zone.clone();
    let page = PublishPage {
        frame: Frame::new(&session, "/portal/shows"),
        offers: ticket_types
            .into_iter()
            .map(|of| Offer {
                allotted: price::grouped(u64::from(allotted(&of).unsigned_abs())),
                price: of.ticket_type.price.to_string(),
                name: of.ticket_type.name,
            })
            .collect(),
        starts: when::full(show.starts_at, &zone),
        on_sale: (show.on_sale_at > now).then(|| when::full(show.on_sale_at, &zone)),
        objection,
        show,
    };
    Ok(kit::page::html(&page))
}

/// `POST /portal/shows/{show}/publish`
pub async fn publish(
    State(app): State<App>,
    Path(show): Path<String>,
    request: RequestId,
    Posted { session, .. }: Posted<Approved>,
) -> Result<Response, Error> {
    let show = show_id(&show, Thing::Show)?;
    contract::publish_show(&app.pool, session.person.reseller, &show, &request)
        .await
        .map_err(|fault| Error::of_catalog(fault, Thing::Show))?;
    Ok(Redirect::to(&format!("/portal/shows/{show}?published=true")).into_response())
}
