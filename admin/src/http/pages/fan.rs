//! Support as a fan sees it: for whoever has the link to the order, which carries its key.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use checkout::contract::{OrderDetails, OrderLink};
use identity::Fields;
use identity::form::shown_again;
use kit::{
    extract::{Path, Query},
    form::Form,
};
use serde::Deserialize;
use std::collections::HashMap;
use uuid::Uuid;

use super::{
    order_view::OrderView,
    view::{Faults, faults_of},
};
use crate::{
    App,
    error::Error,
    store,
    support::{FAN_MESSAGES_MAX, SupportMessage, SupportStatus, conversation},
};

#[derive(Deserialize)]
pub struct Opening {
    #[serde(default)]
    key: String,
    sent: Option<String>,
}

#[derive(Template)]
#[template(path = "support.html")]
struct SupportPage {
    order: OrderView,
    back: String,
    action: String,
    messages: Vec<SupportMessage>,
    ours: &'static str,
    theirs: &'static str,
    /// A conversation goes on; its topic stays.
    open: bool,
    full: bool,
    topic: String,
    text: String,
    faults: Faults,
    sent: bool,
}

/// The order, for whoever has its key; all others learn nothing of it.
async fn order_of(app: &App, link: &OrderLink) -> Result<OrderDetails, Error> {
    if !app.order_links.opens(&app.pool, link).await? {
        return Err(Error::OrderUnknown);
    }
    checkout::contract::order(&app.pool, link.order).await?.ok_or(Error::OrderUnknown)
}

async fn page(app: &App, order: &OrderDetails, link: &OrderLink) -> Result<SupportPage, Error> {
    let requests = store::support::of_order(&app.pool, order.order.uuid()).await?;
    let open = requests.iter().find(|request| request.state != SupportStatus::Closed);
    let ids: Vec<Uuid> = requests.iter().map(|request| request.id.uuid()).collect();
    let now: Vec<SupportMessage> = match open {
        Some(open) => store::support::messages(&app.pool, &[open.id.uuid()]).await?,
        None => Vec::new(),
    };
    Ok(SupportPage {
        order: OrderView::load(app, order).await?,
        back: link.path(),
        action: link.support_path(),
        messages: store::support::messages(&app.pool, &ids).await?,
        ours: "Fairgate",
        theirs: "You",
        open: open.is_some(),
        full: now.iter().filter(|message| message.staff.is_none()).count() as i64
            >= FAN_MESSAGES_MAX,
        topic: open.map_or("other", |open| open.topic.as_str()).to_owned(),
        text: String::new(),
        faults: Faults::default(),
        sent: false,
    })
}

/// `GET /support/{order}?key=…`
pub async fn show(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(opening): Query<Opening>,
) -> Result<Response, Error> {
    let link = OrderLink::given(id, &opening.key);
    let order = order_of(&app, &link).await?;
    let shown = SupportPage { sent: opening.sent.is_some(), ..page(&app, &order, &link).await? };
    Ok(kit::page::html(&shown))
}

/// `POST /support/{order}?key=…`
pub async fn write(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(opening): Query<Opening>,
    Form(fields): Form<HashMap<String, String>>,
) -> Result<Response, Error> {
    let link = OrderLink::given(id, &opening.key);
    let order = order_of(&app, &link).await?;
    let fields = Fields(fields);
    let words = (fields.text("topic"), fields.raw("text"));
    match conversation::write(&app, id, &order.show, words).await {
        Ok(_) => Ok(Redirect::to(&format!("{}&sent=1", link.support_path())).into_response()),
        Err(Error::SupportRequestFull) => {
            let full = SupportPage { full: true, ..page(&app, &order, &link).await? };
            Ok((StatusCode::CONFLICT, kit::page::html(&full)).into_response())
        }
        Err(error) => {
            let (faults, shown) = (faults_of(error)?, page(&app, &order, &link).await?);
            let topic =
                if shown.open { shown.topic.clone() } else { fields.text("topic").to_owned() };
            let again = SupportPage { faults, topic, text: fields.raw("text").to_owned(), ..shown };
            Ok(shown_again(kit::page::html(&again)))
        }
    }
}
