//! Support as admins see it: tickets, answers, refunds.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use checkout::contract::OrderDetails;
use identity::form::shown_again;
use kit::{
    extract::{Path, Query},
    http::RequestId,
    paging::Page,
};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    order_view::OrderView,
    rooms::ConfirmPage,
    view::{Faults, Frame, Titles, faults_of},
};
use crate::{
    App,
    error::Error,
    http::session::{Admins, Posted, Session},
    order_link, refund, store,
    support::{
        SupportMessage, SupportRequest, SupportRequestId, SupportStatus,
        conversation::{self, NewAnswer},
    },
};

#[derive(Template)]
#[template(path = "admin/support.html")]
struct SupportPage {
    frame: Frame,
    requests: Vec<SupportRequest>,
    titles: Titles,
    state: Option<SupportStatus>,
    next: Option<SupportRequestId>,
}

#[derive(Deserialize)]
pub struct ListParams {
    state: Option<String>,
    after: Option<SupportRequestId>,
}

/// `GET /admin/support`
pub async fn all(
    State(app): State<App>,
    session: Session<Admins>,
    Query(params): Query<ListParams>,
) -> Result<Response, Error> {
    // A text that is no state asks for all, as a link that somebody cut short does.
    let state = params.state.and_then(|state| state.parse().ok());
    let Page { items: requests, next } =
        store::support::list(&app.pool, state, params.after).await?;
    let titles = Titles::of(&app.pool, requests.iter().map(|request| &request.show)).await?;
    Ok(kit::page::html(&SupportPage {
        frame: Frame::new(&app, &session, "/admin/support"),
        requests,
        titles,
        state,
        next,
    }))
}

#[derive(Template)]
#[template(path = "admin/support_request.html")]
struct SupportRequestPage {
    frame: Frame,
    request: SupportRequest,
    order: Option<OrderView>,
    messages: Vec<SupportMessage>,
    ours: &'static str,
    theirs: &'static str,
    text: String,
    /// Tells this form from any other: sent twice, it is one answer.
    key: String,
    faults: Faults,
    done: Option<&'static str>,
}

#[derive(Deserialize)]
pub struct Opening {
    done: Option<String>,
}

async fn page(
    app: &App,
    session: &Session<Admins>,
    id: SupportRequestId,
) -> Result<SupportRequestPage, Error> {
    let (request, messages) = conversation::thread(app, id).await?;
    let order = match checkout::contract::order(&app.pool, request.order).await? {
        Some(order) => Some(OrderView::load(app, &order).await?),
        None => None,
    };
    Ok(SupportRequestPage {
        frame: Frame::new(app, session, "/admin/support"),
        order,
        request,
        messages,
        ours: "We",
        theirs: "The fan",
        text: String::new(),
        key: Uuid::now_v7().to_string(),
        faults: Faults::default(),
        done: None,
    })
}

/// `GET /admin/support/{ticket}`
pub async fn one(
    State(app): State<App>,
    session: Session<Admins>,
    Path(id): Path<SupportRequestId>,
    Query(opening): Query<Opening>,
) -> Result<Response, Error> {
    let done = match opening.done.as_deref() {
        Some("answer") => Some("The answer is on its way to the fan."),
        Some("refund") => Some(
            "The refund was asked for. The tickets become void, and the money goes back within \
                moments.",
        ),
        Some("link") => Some(
            "A new link is on its way to whoever bought the order. No earlier one opens it any \
                more.",
        ),
        _ => None,
    };
    Ok(kit::page::html(&SupportRequestPage { done, ..page(&app, &session, id).await? }))
}

/// `POST /admin/support/{ticket}/answer`
pub async fn answer(
    State(app): State<App>,
    Path(id): Path<SupportRequestId>,
    request: RequestId,
    Posted { session, form: fields }: Posted<Admins>,
) -> Result<Response, Error> {
    let key = Some(fields.text("key")).filter(|key| !key.is_empty());
    match conversation::answer(
        &app,
        &session.person,
        id,
        &NewAnswer { text: fields.raw("text"), key },
        &request,
    )
    .await
    {
        Ok(_) => Ok(Redirect::to(&format!("/admin/support/{id}?done=answer")).into_response()),
        Err(error) => {
            let faults = match error {
                Error::AnswerChanged => Faults::new(
                    "text",
                    "You have sent another answer from this form already, and the fan has it. Send \
                        this one too, if it adds to it.",
                ),
                error => faults_of(error)?,
            };
            let text = fields.raw("text").to_owned();
            let again = SupportRequestPage { faults, text, ..page(&app, &session, id).await? };
            Ok(shown_again(kit::page::html(&again)))
        }
    }
}

/// `POST /admin/support/{ticket}/close`
pub async fn close(
    State(app): State<App>,
    Path(id): Path<SupportRequestId>,
    request: RequestId,
    Posted { session, .. }: Posted<Admins>,
) -> Result<Redirect, Error> {
    conversation::close(&app, &session.person, id, &request).await?;
    Ok(Redirect::to("/admin/support"))
}

/// `POST /admin/support/{ticket}/link`
pub async fn renew_link(
    State(app): State<App>,
    Path(id): Path<SupportRequestId>,
    request: RequestId,
    Posted { session, .. }: Posted<Admins>,
) -> Result<Redirect, Error> {
    let order = order_of(&app, id).await?;
    order_link::renew(&app, &session.person, order.order, &request).await?;
    Ok(Redirect::to(&format!("/admin/support/{id}?done=link")))
}

async fn order_of(app: &App, id: SupportRequestId) -> Result<OrderDetails, Error> {
    let (request, _) = conversation::thread(app, id).await?;
    checkout::contract::order(&app.pool, request.order).await?.ok_or(Error::OrderUnknown)
}

fn confirm(
    app: &App,
    session: &Session<Admins>,
    id: SupportRequestId,
    view: &OrderView,
    faults: Faults,
) -> Response {
    let back = format!("/admin/support/{id}");
    let effects = vec![
        format!(
            "{} goes back to whoever paid order {}, through the payment provider. This cannot be \
                undone.",
            view.amount, view.number
        ),
        match view.tickets {
            1 => "Its ticket becomes void, and goes back on sale at once.".to_owned(),
            tickets => format!("Its {tickets} tickets become void, and go back on sale at once."),
        },
    ];
    kit::page::html(&ConfirmPage {
        frame: Frame::new(app, session, "/admin/support"),
        title: format!("Refund order {}", view.number),
        note: None,
        effects,
        settings: Vec::new(),
        action: format!("{back}/refund"),
        back,
        hidden: Vec::new(),
        reason: Some("Reason, for the log"),
        faults,
        danger: true,
        button: "Refund the order",
    })
}

/// `GET /admin/support/{ticket}/refund`: what a refund does.
pub async fn refund_preview(
    State(app): State<App>,
    session: Session<Admins>,
    Path(id): Path<SupportRequestId>,
) -> Result<Response, Error> {
    let order = order_of(&app, id).await?;
    let view = OrderView::load(&app, &order).await?;
    if !view.refundable {
        return Err(Error::NotRefundable(order.state.to_string()));
    }
    Ok(confirm(&app, &session, id, &view, Faults::default()))
}

/// `POST /admin/support/{ticket}/refund`
pub async fn refund(
    State(app): State<App>,
    Path(id): Path<SupportRequestId>,
    request: RequestId,
    Posted { session, form: fields }: Posted<Admins>,
) -> Result<Response, Error> {
    let order = order_of(&app, id).await?;
    match refund::force(&app, &session.person, order.order, fields.text("reason"), &request).await {
        Ok(_) => Ok(Redirect::to(&format!("/admin/support/{id}?done=refund")).into_response()),
        Err(error) => {
            let page = confirm(
                &app,
                &session,
                id,
                &OrderView::load(&app, &order).await?,
                faults_of(error)?,
            );
            Ok(shown_again(page))
        }
    }
}
