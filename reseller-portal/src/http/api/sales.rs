//! `/v1/reseller/sales`

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use kit::extract::{Answer, Query};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api_key::{Holder, scope::Scope},
    http::pages,
    report::{self, Report, ReportQuery},
};

/// What was sold, by day or hour and ticket type. Days and hours without sales are left out.
#[derive(Serialize, ToSchema)]
pub struct SalesReport {
    #[schema(value_type = String, format = Date)]
    from: NaiveDate,
    #[schema(value_type = String, format = Date)]
    to: NaiveDate,
    /// IANA name of the zone whose days and hours these are.
    time_zone: String,
    sales: Vec<Sale>,
}

/// Sales of one ticket type within a day or an hour.
#[derive(Serialize, ToSchema)]
pub struct Sale {
    /// When the day or the hour began.
    start: DateTime<Utc>,
    show: String,
    ticket_type: Uuid,
    name: String,
    currency: String,
    /// Tickets paid for in this time.
    tickets: i64,
    /// In the currency's minor unit.
    amount_minor: i64,
    /// Tickets whose money went back in this time, whenever they were sold.
    refunded_tickets: i64,
    refunded_minor: i64,
}

impl From<Report> for SalesReport {
    fn from(report: Report) -> Self {
        let sales = report.rows.iter().map(|row| Sale {
            start: row.starts_at,
            show: row.show.to_string(),
            ticket_type: row.ticket_type.uuid(),
            name: report.name(row.ticket_type).1.to_owned(),
            currency: row.amount.currency.into(),
            tickets: row.tickets,
            amount_minor: row.amount.minor,
            refunded_tickets: row.refunded_tickets,
            refunded_minor: row.refunded.minor,
        });
        Self {
            from: report.from,
            to: report.to,
            sales: sales.collect(),
            time_zone: report.time_zone,
        }
    }
}

/// The sales report, as JSON or, with `Accept: text/csv`, as CSV.
#[utoipa::path(
    get, path = "/v1/reseller/sales", tag = "reseller", security(("api_key" = ["reports:read"])),
    params(ReportQuery),
    responses((
            status = 200, description = "As JSON, or as CSV with `Accept: text/csv`",
            content((SalesReport = "application/json"), (String = "text/csv")),
        ), (status = 404, description = "`show-unknown`")),
)]
pub async fn report(
    State(app): State<App>,
    holder: Holder,
    headers: HeaderMap,
    Query(query): Query<ReportQuery>,
) -> Answer<Response> {
    holder.may(Scope::ReportsRead)?;
    let report = report::load(&app, holder.reseller, &query).await?;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.starts_with("text/csv")) {
        return Ok(pages::download(&report)?);
    }
    Ok(Json(SalesReport::from(report)).into_response())
}

/// The sales report as CSV.
#[utoipa::path(
    get, path = "/v1/reseller/sales.csv", tag = "reseller",
    security(("api_key" = ["reports:read"])),
    params(ReportQuery),
    responses(
        (status = 200, content_type = "text/csv", body = String),
        (status = 404, description = "`show-unknown`"),
    ),
)]
pub async fn report_csv(
    State(app): State<App>,
    holder: Holder,
    Query(query): Query<ReportQuery>,
) -> Answer<Response> {
    holder.may(Scope::ReportsRead)?;
    let report = report::load(&app, holder.reseller, &query).await?;
    Ok(pages::download(&report)?)
}
