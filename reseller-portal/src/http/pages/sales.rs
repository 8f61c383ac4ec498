//! The sales report: pictures, a table, and CSV.

use askama::Template;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use catalog::contract::{price, when};
use kit::{
    chart::{Chart, Series},
    extract::Query,
};

use super::{choice, frame::Frame};
use crate::{
    App,
    error::Error,
    http::session::{Approved, Session},
    report::{self, Report, ReportQuery},
};

struct Row {
    show: String,
    name: String,
    tickets: String,
    amount: String,
    refunded_tickets: String,
    refunded: String,
}

#[derive(Template)]
#[template(path = "portal/sales.html")]
struct SalesPage {
    frame: Frame,
    from: String,
    to: String,
    by_hour: bool,
    zone: String,
    shows: choice::Shows,
    rows: Vec<Row>,
    over_time: String,
    by_type: String,
    /// The same report as CSV.
    csv: String,
    fault: Option<String>,
}

/// `GET /portal/sales`
pub async fn page(
    State(app): State<App>,
    session: Session<Approved>,
    Query(query): Query<ReportQuery>,
) -> Result<Response, Error> {
    let reseller = session.person.reseller;
    match report::load(&app, reseller, &query).await {
        Ok(report) => render(&app, &session, &query, &report, None).await,
        Err(Error::Field { detail, .. }) => {
            let default = ReportQuery { show: query.show.clone(), ..ReportQuery::default() };
            let report = report::load(&app, reseller, &default).await?;
            render(&app, &session, &default, &report, Some(detail)).await
        }
        Err(error) => Err(error),
    }
}

async fn render(
    app: &App,
    session: &Session<Approved>,
    query: &ReportQuery,
    report: &Report,
    fault: Option<String>,
) -> Result<Response, Error> {
    let shows = catalog::contract::reseller_shows(&app.pool, session.person.reseller).await?;
    let number = |number: i64| price::grouped(number.unsigned_abs());
    let totals = report.by_type();
    let rows = totals.iter().map(|total| {
        let (show, name) = report.name(total.ticket_type);
        Row {
            show: show.to_owned(),
            name: name.to_owned(),
            tickets: number(total.tickets),
            amount: total.amount.to_string(),
            refunded_tickets: number(total.refunded_tickets),
            refunded: total.refunded.to_string(),
        }
    });
    let rows = rows.collect();
    let by = if report.by_hour { "hour" } else { "day" };
    let page = SalesPage {
        frame: Frame::new(session, "/portal/sales"),
        from: report.from.to_string(),
        to: report.to.to_string(),
        by_hour: report.by_hour,
        zone: when::zone_name(&report.time_zone),
        shows: choice::shows(&shows, query.show.as_deref().unwrap_or_default()),
        rows,
        over_time: over_time(report),
        by_type: by_type(report),
        csv: format!(
            "/portal/sales.csv?from={}&to={}&by={by}&show={}",
            report.from,
            report.to,
            // Known by now: a slug.
            query.show.as_deref().unwrap_or_default()
        ),
        fault,
    };
    Ok(kit::page::html(&page))
}

/// Tickets sold over time, as a picture.
pub(super) fn over_time(report: &Report) -> String {
    let (labels, values) = report.over_time();
    let sum: f64 = values.iter().sum();
    let describe = format!(
        "{sum} tickets were sold from {} to {}. The table below has the numbers.",
        report.from, report.to
    );
    kit::chart::line(&Chart {
        title: if report.by_hour { "Tickets sold by hour" } else { "Tickets sold by day" },
        describe: &describe,
        labels: &labels,
        series: &[Series { name: "Tickets", values: &values }],
        unit: "tickets",
    })
}

/// Tickets sold by type, as a picture.
fn by_type(report: &Report) -> String {
    let totals = report.by_type();
    let labels: Vec<String> =
        totals.iter().map(|total| report.name(total.ticket_type).1.to_owned()).collect();
    let values: Vec<f64> = totals.iter().map(|total| total.tickets as f64).collect();
    kit::chart::bars(&Chart {
        title: "Tickets sold by type",
        describe: "The table below has the numbers.",
        labels: &labels,
        series: &[Series { name: "Tickets", values: &values }],
        unit: "tickets",
    })
}

/// `GET /portal/sales.csv`
pub async fn csv(
    State(app): State<App>,
    session: Session<Approved>,
    Query(query): Query<ReportQuery>,
) -> Result<Response, Error> {
    let report = report::load(&app, session.person.reseller, &query).await?;
    download(&report)
}

/// A report as a file to save.
///
/// # Errors
/// None that are known.
pub fn download(report: &Report) -> Result<Response, Error> {
    let name = format!("attachment; filename=\"sales-{}-{}.csv\"", report.from, report.to);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, report.csv()?).into_response())
}
