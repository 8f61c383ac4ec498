//! What a room's page fetches anew while it is open: its picture and its sales.

use askama::Template;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use kit::{
    chart::{Chart, Row, Series, line_with_rows, parts, sparkline},
    extract::Path,
    number::counted,
};

use crate::{
    App,
    error::Error,
    http::session::{Anyone, Session},
    room::{
        figures::RoomFigures,
        history::Picture,
        live,
        measures::TypeFigures,
        sales::{Amount, Sales, sales},
        words::{count, per_sec},
    },
};

/// `GET /admin/rooms/{room}/picture`: the SVG alone.
pub async fn picture(
    State(app): State<App>,
    _: Session<Anyone>,
    Path(room): Path<String>,
) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, draw(&app.seen.picture(&room))).into_response()
}

/// What held the line back, as the picture's rows name it.
fn reason_words(name: &str) -> &str {
    match name {
        "starting" => "Held back: the pace was still growing",
        "checkout_away" => "Held back: checkout did not answer",
        "door_shut" => "Held back: checkout turned fans with a pass away",
        "checkout_full" => "Held back: as many in checkout as may be",
        "passes_unclaimed" => "Held back: passes not claimed yet",
        "orders_slow" => "Held back: orders took long",
        "writer_behind" => "Held back: the order writer was behind",
        "checkout_slow" => "Held back: checkout was slow",
        "checkout_fails" => "Held back: checkout had errors",
        "stock_low" => "Held back: few tickets were left",
        "sold_out" => "Held back: no ticket was free",
        "lanes_unknown" => "Held back: lanes could not be reached",
        other => other,
    }
}

/// Joins, how many were let in, how many might be, and what held them back.
pub fn draw(picture: &Picture) -> String {
    let labels: Vec<String> = picture
        .ago_secs
        .iter()
        .map(|ago| match *ago {
            ..10 => "now".to_owned(),
            secs @ ..180 => format!("−{secs} s"),
            secs => format!("−{} min", secs / 60),
        })
        .collect();
    let pace: Vec<f64> =
        picture.settled_per_sec.iter().map(|pace| pace.unwrap_or(f64::NAN)).collect();
    let held = held_back(picture);
    let rows: Vec<Row<'_>> =
        held.iter().map(|(name, on)| Row { name: reason_words(name), on }).collect();
    let chart = line_with_rows(
        &Chart {
            title: "Joins, fans let in, and the pace they might be let in at, per second",
            describe: &described(picture, &held),
            labels: &labels,
            series: &[
                Series { name: "Let in", values: &picture.admitted_per_sec },
                Series { name: "Joins", values: &picture.inflow_per_sec },
                Series { name: "Pace", values: &pace },
            ],
            unit: "per second",
        },
        &rows,
    );
    let (waiting, spark) = waiting(picture);
    format!(
        "{chart}<figcaption class=\"row\"><span>Waiting</span>{spark}<span \
            class=\"num\">{waiting}</span></figcaption>"
    )
}

/// Each reason with where in the picture it held, the first to come first.
fn held_back(picture: &Picture) -> Vec<(&'static str, Vec<bool>)> {
    let mut names: Vec<&'static str> = Vec::new();
    for name in picture.held_back.iter().flatten() {
        if !names.contains(name) {
            names.push(name);
        }
    }
    let on = |name| picture.held_back.iter().map(|held| held.contains(&name)).collect();
    names.into_iter().map(|name| (name, on(name))).collect()
}

/// The picture in words: how it is now, and for how long each reason held.
fn described(picture: &Picture, held: &[(&'static str, Vec<bool>)]) -> String {
    let last = |values: &[f64]| values.last().copied().unwrap_or_default();
    let mut words = format!(
        "Joins: {}/s now. Let in: {}/s now.",
        last(&picture.inflow_per_sec),
        last(&picture.admitted_per_sec)
    );
    if let Some(Some(pace)) = picture.settled_per_sec.last() {
        words += &format!(" Pace: {}/s now.", per_sec(*pace));
    }
    for (name, on) in held {
        let secs = on.iter().filter(|on| **on).count() as i64 * 10;
        words += &format!(" {}, for about {secs} s.", reason_words(name));
    }
    words
}

/// How many wait, and how that went over ten minutes.
pub fn waiting(picture: &Picture) -> (String, String) {
    let now = count(picture.waiting.last().copied().unwrap_or_default() as i64);
    let spark = sparkline(&format!("Waiting over ten minutes; now {now}"), &picture.waiting);
    (now, spark)
}

#[derive(Template)]
#[template(path = "admin/sales.html")]
struct SalesPart {
    today: String,
    in_all: String,
    rows: Vec<TypeRow>,
}

struct TypeRow {
    figures: TypeFigures,
    bar: String,
    revenue: String,
}

/// `GET /admin/rooms/{room}/sales`: the tickets and the money of its show, alone.
pub async fn sales_part(
    State(app): State<App>,
    _: Session<Anyone>,
    Path(room): Path<String>,
) -> Result<Response, Error> {
    let live = live::room(&app, &room).await?.ok_or(Error::RoomUnknown)?;
    Ok(kit::page::html(&sales_page(&live, &*sales(&app, &live.room.show).await?)))
}

/// The same, to stand in a page.
pub async fn sales_of(app: &App, live: &RoomFigures) -> Result<String, Error> {
    let part = sales_page(live, &*sales(app, &live.room.show).await?);
    part.render().map_err(|error| Error::Away(anyhow::anyhow!("rendering sales: {error}")))
}

fn sales_page(live: &RoomFigures, sales: &Sales) -> SalesPart {
    let row = |figures: &TypeFigures| {
        let earned = sales.ticket_types.iter().find(|of| of.ticket_type == figures.ticket_type);
        let taken = figures.held.unwrap_or_default() + figures.reserved;
        let title = format!(
            "{} sold, {taken} held or not paid, {} to be sold",
            figures.sold,
            counted(figures.allotted, "ticket", "tickets")
        );
        TypeRow {
            bar: parts(&title, &[figures.sold as f64, taken as f64], figures.allotted as f64),
            revenue: earned.map_or_else(|| "–".to_owned(), |of| money(&of.in_all)),
            figures: figures.clone(),
        }
    };
    SalesPart {
        today: money(&sales.today),
        in_all: money(&sales.in_all),
        rows: live.ticket_types.iter().map(row).collect(),
    }
}

#[derive(Template)]
#[template(path = "admin/revenue.html")]
struct RevenuePart {
    today: String,
}

/// `GET /admin/rooms/{room}/revenue`: what its show has sold for today, alone.
pub async fn revenue(
    State(app): State<App>,
    _: Session<Anyone>,
    Path(room): Path<String>,
) -> Result<Response, Error> {
    let state = waitroom::contract::room(&app.pool, &room).await?.ok_or(Error::RoomUnknown)?;
    let today = money(&sales(&app, &state.show).await?.today);
    Ok(kit::page::html(&RevenuePart { today }))
}

/// `€1,240.00 and £80.00`
pub fn money(amounts: &[Amount]) -> String {
    let words: Vec<&str> = amounts.iter().map(|amount| amount.words.as_str()).collect();
    if words.is_empty() { "nothing yet".to_owned() } else { words.join(" and ") }
}
