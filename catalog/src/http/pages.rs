//! The pages people see: the list of shows and one show.

pub mod json_ld;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use kit::extract::{Path, Query};

use crate::{
    app::App,
    contract::{Show, Stop},
    error::Error,
    http::api::{self, ListedShow, PageQuery, ShowDetails},
    money::price,
    when,
};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    shows: Vec<Card>,
    /// Whether this is the first page of the list.
    first: bool,
    next: Option<String>,
    /// Where the people in the picture stand, in per cent of its width.
    people: [u8; 15],
}

/// Closer together further back.
const PEOPLE: [u8; 15] = [14, 24, 33, 42, 50, 57, 64, 70, 75, 80, 85, 89, 92, 95, 98];

/// A show in the list, in words.
struct Card {
    show: Show,
    date: when::DateBlock,
    time: String,
    machine_time: String,
    from_price: Option<String>,
    /// When sales begin, where they have not.
    opens: Option<when::Moment>,
}

impl Card {
    fn new(listed: ListedShow, now: DateTime<Utc>) -> Self {
        let ListedShow { show, from_price_minor, currency } = listed;
        let zone = show.venue.time_zone.clone();
        Self {
            date: when::date_block(show.starts_at, &zone),
            time: when::time(show.starts_at, &zone),
            machine_time: when::machine(show.starts_at, &zone),
            from_price: from_price_minor
                .zip(currency)
                .map(|(minor, currency)| price::format(minor, &currency)),
            opens: (show.on_sale_at > now).then(|| when::Moment::short(show.on_sale_at, &zone)),
            show,
        }
    }
}

/// `GET /`
pub async fn home(
    State(app): State<App>,
    Query(query): Query<PageQuery>,
) -> Result<Response, Error> {
    let page = api::page(&app, &query).await?;
    let now = Utc::now();
    let cards = page.shows.into_iter().map(|listed| Card::new(listed, now)).collect();
    Ok(kit::page::html(&HomePage {
        shows: cards,
        first: query.after.is_none(),
        next: page.next,
        people: PEOPLE,
    }))
}

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
    let page = ShowPage::new(api::one(&app, &show).await?, Utc::now());
    let status =
        if matches!(page.sale, Sale::Withdrawn) { StatusCode::GONE } else { StatusCode::OK };
    Ok((status, kit::page::html(&page)).into_response())
}
