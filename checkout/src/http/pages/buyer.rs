//! The second step: what is held, who is buying, and ordering.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use chrono::Utc;
use kit::{form::Form, http::RequestId, language};
use serde::Deserialize;

use crate::{
    App, Error,
    hold::Held,
    http::pages::{
        buyer_form::BuyerForm,
        choose_form, cookie,
        countdown::Countdown,
        inside, known_orders, outside,
        view::{LineView, Notice, ShowView, lines, with_status},
        visitor::{OfShow, Visitor, address, go_to_order, go_with},
    },
    order::{
        Submission,
        buyer::Buyer,
        link::{LinkHolder, new_order_link},
        submit,
    },
    session::Session,
};

#[derive(Template)]
#[template(path = "checkout/buyer.html")]
struct BuyerPage {
    show: ShowView,
    countdown: Countdown,
    notice: Option<Notice>,
    lines: Vec<LineView>,
    total: String,
    form: BuyerForm,
}

/// The page for a hold.
pub async fn show(
    app: &App,
    session: &Session,
    held: &Held,
    form: BuyerForm,
    notice: Option<Notice>,
) -> Result<Response, Error> {
    let show = ShowView::load(app, &session.show).await?;
    let offer = app.offer_cache.of(&app.pool, &session.show).await?;
    let hold = &held.hold;
    let items: Vec<_> = hold
        .items
        .iter()
        .map(|item| (item.ticket_type, item.quantity(), item.unit_price_minor))
        .collect();
    let total_secs = app.config.hold_ttl.as_secs() as i64;
    let until = show.moment(hold.expires_at);
    Ok(kit::page::html(&BuyerPage {
        countdown: Countdown::new(
            Utc::now(),
            hold.expires_at,
            total_secs,
            "Held for you until",
            until,
        )
        .over("Your hold ran out. The tickets go back on sale.")
        .then(show.checkout()),
        lines: lines(&items, &offer.ticket_types, hold.currency),
        total: hold.amount().to_string(),
        show,
        notice,
        form,
    }))
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
}

/// `POST /checkout/{show}/order`
pub async fn order(
    State(app): State<App>,
    OfShow(of_show): OfShow,
    visitor: Visitor,
    request: RequestId,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Result<Response, Error> {
    let session = match visitor.session(&app, &of_show) {
        Ok(session) => session,
        Err(error) => return outside::page(error, Some(&of_show)),
    };
    // The button was pressed before: its order is there, whatever became of the answer.
    if let Some(to_order) = go_to_order(&app, &session).await? {
        return Ok(to_order);
    }
    let Some(held) = inside::held(&app, &visitor, &session).await? else {
        return back_to_choosing(&app, &session, Error::HoldExpired).await;
    };
    let form = BuyerForm::checked(&typed.name, &typed.email);
    if !form.fits() {
        let page = show(&app, &session, &held, form, None).await?;
        return Ok(with_status(page, StatusCode::UNPROCESSABLE_ENTITY));
    }
    let language = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let language = language::first_accepted(language);
    let buyer = Buyer { name: form.name.clone(), email: form.email.clone(), language };
    // One hold makes one order, so the hold names the attempt.
    let key = format!("page-{}", held.hold.hold);
    let order = match submit::submit(&app, &session, &held.token, buyer, &key, &request).await {
        Ok(Submission::Order(order)) => order.order,
        Ok(Submission::Pending(order)) => order,
        Err(error) => return refused(&app, &session, &held, form, error).await,
    };
    let link = match new_order_link(&app.pool, order, LinkHolder::Page).await {
        Ok(link) => link,
        Err(error) => return refused(&app, &session, &held, form, error.into()).await,
    };
    let cookies =
        [cookie::gone(&app, &cookie::HOLD.of(&of_show)), known_orders::remember(&app, &link)];
    Ok(go_with(&link.path(), cookies))
}

async fn refused(
    app: &App,
    session: &Session,
    held: &Held,
    form: BuyerForm,
    error: Error,
) -> Result<Response, Error> {
    match error {
        Error::HoldExpired | Error::HoldLost | Error::OrderUnwritable => {
            back_to_choosing(app, session, error).await
        }
        Error::HoldUsed | Error::OrderOpen | Error::IdempotencyMismatch => {
            let elsewhere = || {
                let hold_gone = cookie::gone(app, &cookie::HOLD.of(&session.show));
                go_with(&address(&session.show), [hold_gone])
            };
            Ok(go_to_order(app, session).await?.unwrap_or_else(elsewhere))
        }
        Error::SessionExpired | Error::SessionEnded | Error::ShowBegun | Error::SaleStopped(_) => {
            outside::page(error, Some(&session.show))
        }
        Error::Unavailable(_) | Error::Store(_) | Error::Redis(_) => {
            let problem = error.problem();
            tracing::warn!(%error, "an order was not placed");
            let notice = Notice::new(
                "That took longer than it should.",
                "Nothing was charged and your tickets are still held. Press the button again; you \
                    cannot buy twice.",
            );
            let page = show(app, session, held, form, Some(notice)).await?;
            Ok(with_status(page, problem.status))
        }
        other => Err(other),
    }
}

async fn back_to_choosing(app: &App, session: &Session, error: Error) -> Result<Response, Error> {
    let notice = match error {
        Error::HoldLost => Notice::new(
            "The tickets you held are gone.",
            "We lost track of them through a fault of ours, and somebody else took them meanwhile. \
                Nothing was charged. \
             You still have your place in checkout.",
        ),
        _ => Notice::hold_ran_out(),
    };
    let page = choose_form::show(app, session, None, Some(notice), &HashMap::new()).await?;
    Ok((
        AppendHeaders([cookie::gone(app, &cookie::HOLD.of(&session.show))]),
        with_status(page, StatusCode::CONFLICT),
    )
        .into_response())
}
