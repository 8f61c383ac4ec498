//! Refunds that the payment provider does not do.

use askama::Template;
use axum::{extract::State, response::Response};
use catalog::contract::price;
use checkout::contract::FailingRefund;
use kit::{extract::Query, paging::Page};
use serde::Deserialize;
use uuid::Uuid;

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
    amount: String,
    refund: FailingRefund,
}

#[derive(Template)]
#[template(path = "admin/refunds.html")]
struct RefundsPage {
    frame: Frame,
    rows: Vec<Row>,
    titles: Titles,
    next: Option<Uuid>,
}

#[derive(Deserialize)]
pub struct Wanted {
    after: Option<Uuid>,
}

/// `GET /admin/refunds`
pub async fn failing(
    State(app): State<App>,
    session: Session<Admins>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Error> {
    let Page { items: refunds, next } = refund::failing(&app, wanted.after).await?;
    let titles = Titles::of(&app.pool, refunds.iter().map(|refund| &refund.show)).await?;
    let row = |refund: FailingRefund| Row {
        number: number_of(refund.order),
        amount: price::format(refund.amount_minor, &refund.currency),
        refund,
    };
    let rows = refunds.into_iter().map(row).collect();
    Ok(kit::page::html(&RefundsPage {
        frame: Frame::new(&session, "/admin/support"),
        rows,
        titles,
        next,
    }))
}
