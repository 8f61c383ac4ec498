//! The first step: choosing tickets and holding them.

use std::collections::HashMap;

use axum::{
    extract::State,
    http::StatusCode,
    response::{AppendHeaders, IntoResponse, Response},
};
use chrono::Utc;
use kit::{extract::Query, form::Form};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    App, Error,
    hold::{self, HoldItem, current, release, replace},
    http::pages::{
        buyer,
        buyer_form::BuyerForm,
        choose_form::{show, tickets},
        cookie,
        inside::{held, still_inside},
        outside,
        view::{Notice, with_status},
        visitor::{OfShow, Visitor, address, go_to_order, go_with},
    },
    session::Session,
};

#[derive(Deserialize)]
pub struct Looking {
    /// Set by whoever holds tickets and would rather have others.
    change: Option<String>,
}

/// `GET /checkout/{show}`: the step at which the visitor is.
pub async fn page(
    State(app): State<App>,
    OfShow(of_show): OfShow,
    Query(looking): Query<Looking>,
    visitor: Visitor,
) -> Result<Response, Error> {
    let session = match visitor.session_at_any_time(&app, &of_show) {
        Ok(session) => session,
        Err(error) => return outside::page(error, Some(&of_show)),
    };
    if let Some(to_order) = go_to_order(&app, &session).await? {
        return Ok(to_order);
    }
    if let Err(error) = still_inside(&app, &visitor, &of_show).await {
        return outside::page(error, Some(&of_show));
    }
    match held(&app, &visitor, &session).await? {
        Some(held) if looking.change.is_some() => {
            let kept =
                held.hold.items.iter().map(|item| (item.ticket_type, item.quantity())).collect();
            show(&app, &session, Some(&held.hold), None, &kept).await
        }
        Some(held) => buyer::show(&app, &session, &held, BuyerForm::default(), None).await,
        None if ran_out(&app, &visitor, &session) => {
            let page =
                show(&app, &session, None, Some(Notice::hold_ran_out()), &HashMap::new()).await?;
            Ok((AppendHeaders([cookie::gone(&app, &cookie::HOLD.of(&of_show))]), page)
                .into_response())
        }
        None => show(&app, &session, None, None, &HashMap::new()).await,
    }
}

/// Whether the hold that this browser remembers ran out: it was neither given back nor ordered, for
/// then the cookie goes.
fn ran_out(app: &App, visitor: &Visitor, session: &Session) -> bool {
    let token = visitor.cookie(app, &cookie::HOLD.of(&session.show));
    let remembered = token.and_then(|token| hold::open_token(app, session, token).ok());
    remembered.is_some_and(|hold| hold.expires_at <= Utc::now())
}

/// `POST /checkout/{show}/hold`
pub async fn hold(
    State(app): State<App>,
    OfShow(of_show): OfShow,
    visitor: Visitor,
    Form(fields): Form<HashMap<String, String>>,
) -> Result<Response, Error> {
    let session = match still_inside(&app, &visitor, &of_show).await {
        Ok(session) => session,
        Err(error) => return outside::page(error, Some(&of_show)),
    };
    if let Some(to_order) = go_to_order(&app, &session).await? {
        return Ok(to_order);
    }
    let items = chosen(&fields);
    if items.is_empty() {
        let notice = Notice::new(
            "Choose at least one ticket.",
            "Set how many you want next to a ticket type.",
        );
        let held = current::current(&app, &session).await?;
        let page = show(
            &app,
            &session,
            held.as_ref().map(|held| &held.hold),
            Some(notice),
            &HashMap::new(),
        )
        .await?;
        return Ok(with_status(page, StatusCode::UNPROCESSABLE_ENTITY));
    }
    let attempt = fields.get("attempt").map_or("", String::as_str);
    match replace::reserve(&app, &session, &items, &key(attempt, &items)).await {
        Ok(held) => {
            // Kept beyond the hold's end, so that the page can say that it ran out.
            let cookie =
                cookie::until(&app, &cookie::HOLD.of(&of_show), &held.token, session.expires_at);
            Ok(go_with(&address(&of_show), [cookie]))
        }
        Err(error) => refused(&app, &session, error, &items).await,
    }
}

/// `POST /checkout/{show}/give-back`
pub async fn release(
    State(app): State<App>,
    OfShow(of_show): OfShow,
    visitor: Visitor,
) -> Result<Response, Error> {
    if let Ok(session) = visitor.session(&app, &of_show)
        && let Some(held) = held(&app, &visitor, &session).await?
    {
        release::release(&app, &session, &held.token).await?;
    }
    Ok(go_with(&address(&of_show), [cookie::gone(&app, &cookie::HOLD.of(&of_show))]))
}

/// The chosen quantities: fields named `q-<ticket type>`.
fn chosen(fields: &HashMap<String, String>) -> Vec<HoldItem> {
    let mut items: Vec<HoldItem> = fields
        .iter()
        .filter_map(|(name, value)| {
            let ticket_type = name.strip_prefix("q-")?.parse().ok()?;
            let quantity = value.parse().ok().filter(|quantity| *quantity > 0)?;
            Some(HoldItem { ticket_type, quantity })
        })
        .collect();
    // A form has no order once it is a map, and a repeat must ask for the same.
    items.sort_by_key(|item| item.ticket_type);
    items
}

/// A form sent twice asks for one hold; a form sent again with another choice asks for another.
fn key(attempt: &str, items: &[HoldItem]) -> String {
    let mut digest = Sha256::new();
    digest.update(attempt);
    for item in items {
        digest.update(item.ticket_type.uuid());
        digest.update(item.quantity.to_be_bytes());
    }
    format!("page-{}", hex::encode(digest.finalize()))
}

async fn refused(
    app: &App,
    session: &Session,
    error: Error,
    items: &[HoldItem],
) -> Result<Response, Error> {
    let notice = match &error {
        Error::ShowBegun | Error::SaleStopped(_) => {
            return outside::page(error, Some(&session.show));
        }
        Error::SoldOut { ticket_type, kept, .. }
        | Error::NotEnoughLeft { ticket_type, kept, .. }
            if *kept > 0 =>
        {
            let tickets = tickets(*kept);
            Notice::new(
                format!("Not enough of {ticket_type} are free. You keep your {tickets}."),
                "Nothing has changed. Take fewer, or another type, or go on with what you hold.",
            )
        }
        Error::SoldOut { ticket_type, may_come_back: true, .. } => Notice::new(
            format!("The last tickets of this type are in other fans’ hands: {ticket_type}."),
            "You still have your place in checkout. Some may come back, so a second look can pay.",
        ),
        Error::SoldOut { ticket_type, .. } => Notice::new(
            format!("This type is sold out: {ticket_type}."),
            "You still have your place in checkout. Another type may be left.",
        ),
        Error::NotEnoughLeft { ticket_type, left, .. } => Notice::new(
            format!("Only {left} of {ticket_type} can be had at this moment."),
            "You still have your place in checkout. Take fewer, or another type.",
        ),
        Error::InProgress => {
            Notice::new("We are still holding your tickets.", "Look again in a moment.")
        }
        Error::Field { .. } | Error::TicketTypeUnknown { .. } => {
            Notice::new("This choice does not fit.", error.problem().detail)
        }
        _ => return Err(error),
    };
    let kept = items.iter().map(|item| (item.ticket_type, item.quantity)).collect();
    let held = current::current(app, session).await?;
    let page =
        show(app, session, held.as_ref().map(|held| &held.hold), Some(notice), &kept).await?;
    Ok(with_status(page, error.problem().status))
}
