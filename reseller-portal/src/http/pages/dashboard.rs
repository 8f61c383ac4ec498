//! The overview: what is on sale and how the last two weeks went.

use askama::Template;
use axum::{extract::State, response::Response};
use catalog::contract::{ShowCursor, ShowId, price, when};
use chrono::Utc;
use futures::{StreamExt, TryStreamExt, stream};

use super::{frame::Frame, sales};
use crate::{
    App,
    error::Error,
    http::session::{Approved, Session},
    report::{self, ReportQuery},
    stock,
};

/// Shows on the overview at most; the list has all.
const SHOWS_MAX: u16 = 20;
/// Shows that are counted at once.
const AT_ONCE: usize = 4;

struct Row {
    show: ShowId,
    title: String,
    when: String,
    published: bool,
    allotted: String,
    sold: String,
    left: String,
}

#[derive(Template)]
#[template(path = "portal/dashboard.html")]
struct Dashboard {
    frame: Frame,
    rows: Vec<Row>,
    picture: String,
    sold: String,
}

/// `GET /portal`
pub async fn page(State(app): State<App>, session: Session<Approved>) -> Result<Response, Error> {
    let reseller = session.person.reseller;
    let report = report::load(&app, reseller, &ReportQuery::default()).await?;
    let now = ShowCursor::before(Utc::now());
    let (shows, _) =
        catalog::contract::reseller_shows_page(&app.pool, reseller, Some(&now), SHOWS_MAX).await?;
    let number = |number: i64| price::grouped(number.unsigned_abs());
    let rows = stream::iter(shows)
        .map(|found| {
            let app = &app;
            async move {
                let counts = stock::counts(app, &found.show.show).await?;
                let allotments = found.ticket_types.iter().filter_map(|of| of.allotment.as_ref());
                let left: Option<i64> = counts.values().map(|count| count.free).sum();
                Ok::<_, Error>(Row {
                    when: when::full(found.show.starts_at, &found.show.venue.time_zone),
                    title: format!("{}: {}", found.show.performer, found.show.title),
                    published: found.published_at.is_some(),
                    allotted: number(allotments.map(|of| i64::from(of.allotted)).sum()),
                    sold: number(counts.values().map(|count| count.sold).sum()),
                    left: left.map_or_else(|| "–".to_owned(), number),
                    show: found.show.show,
                })
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(kit::page::html(&Dashboard {
        frame: Frame::new(&session, "/portal"),
        rows,
        picture: sales::over_time(&report),
        sold: number(report.rows.iter().map(|row| row.tickets).sum()),
    }))
}
