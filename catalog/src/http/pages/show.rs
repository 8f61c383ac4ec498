//! One show's page.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use kit::extract::Path;

use crate::{
    app::App,
    error::Error,
    http::pages::json_ld,
    money::price,
    show::{Show, ShowDetails, listing},
    stop::Stop,
    when,
};

/// Where the sale stands.
enum Sale {
    Open,
    Opens(when::Moment),
    /// Its line has closed.
    Ended,
    /// The show has begun.
    Over,
    /// The reseller may not sell for now.
    Stopped,
    /// For good.
    Withdrawn,
}

#[derive(Template)]
#[template(path = "show.html")]
struct ShowPage {
    show: Show,
    date: when::DateBlock,
    day: String,
    starts: String,
    doors: String,
    zone: String,
    machine_time: String,
    offers: Vec<Offer>,
    sale: Sale,
    json_ld: String,
}

struct Offer {
    name: String,
    description: String,
    price: String,
    per_order_max: i32,
}

impl ShowPage {
    fn new(details: ShowDetails, now: DateTime<Utc>) -> Self {
        let json_ld = json_ld::event(&details);
        let ShowDetails { show, ticket_types, sale_ended_at, stop } = details;
        let zone = show.venue.time_zone.as_str();
        let sale = if stop == Some(Stop::Withdrawn) {
            Sale::Withdrawn
        } else if show.starts_at <= now {
            Sale::Over
        } else if sale_ended_at.is_some() {
            Sale::Ended
        } else if stop.is_some() {
            Sale::Stopped
        } else if show.on_sale_at > now {
            Sale::Opens(when::Moment::full(show.on_sale_at, zone))
        } else {
            Sale::Open
        };
        let offers = ticket_types.into_iter().map(|offer| Offer {
            price: price::format(offer.price_minor, &offer.currency),
            name: offer.name,
            description: offer.description,
            per_order_max: offer.per_order_max,
        });
        Self {
            date: when::date_block(show.starts_at, zone),
            day: when::day(show.starts_at, zone),
            starts: when::time(show.starts_at, zone),
            doors: when::time(show.doors_at, zone),
            zone: when::zone_name(zone),
            machine_time: when::machine(show.starts_at, zone),
            offers: offers.collect(),
            sale,
            json_ld,
            show,
        }
    }
}

/// `GET /shows/{show}`
pub async fn show(State(app): State<App>, Path(show): Path<String>) -> Result<Response, Error> {
    let page = ShowPage::new(listing::one(&app.pool, &show).await?, Utc::now());
    let status =
        if matches!(page.sale, Sale::Withdrawn) { StatusCode::GONE } else { StatusCode::OK };
    Ok((status, kit::page::html(&page)).into_response())
}
