//! Refunds that the payment provider does not do.

use askama::Template;
use axum::{extract::State, response::Response};
use checkout::contract::{FailingRefund, OrderId};
use kit::{extract::Query, paging::Page};
use serde::Deserialize;

use super::{
    order_view::number_of,
    view::{Frame, Titles},
};
use crate::{
    App,
    error::Error,
    http::session::{Admins, Session},
    refund,
};

struct Row {
    number: String,
    refund: FailingRefund,
}

#[derive(Template)]
#[template(path = "admin/refunds.html")]
struct RefundsPage {
    frame: Frame,
    rows: Vec<Row>,
    titles: Titles,
    next: Option<OrderId>,
}

#[derive(Deserialize)]
pub struct ListParams {
    after: Option<OrderId>,
}

/// `GET /admin/refunds`
pub async fn failing(
    State(app): State<App>,
    session: Session<Admins>,
    Query(params): Query<ListParams>,
) -> Result<Response, Error> {
    let Page { items: refunds, next } = refund::failing(&app, params.after).await?;
    let titles = Titles::of(&app.pool, refunds.iter().map(|refund| &refund.show)).await?;
    let rows = refunds.into_iter().map(|refund| Row { number: number_of(refund.order), refund });
    Ok(kit::page::html(&RefundsPage {
        frame: Frame::new(&app, &session, "/admin/support"),
        rows: rows.collect(),
        titles,
        next,
    }))
}
