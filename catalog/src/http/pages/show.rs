//! One show's page.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::Utc;
use kit::extract::Path;

use crate::{
    app::App,
    error::Error,
    http::pages::json_ld,
    sale::SaleState,
    show::{Show, ShowDetails, listing},
    when,
};

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
    sale: SaleState,
    /// When the sale begins, where it has not.
    opens: Option<when::Moment>,
    json_ld: String,
}

struct Offer {
    name: String,
    description: String,
    price: String,
    per_order_max: i32,
    /// How its own sale stands, where that differs from the show's.
    badge: Option<SaleState>,
}

impl ShowPage {
    fn new(details: ShowDetails) -> Self {
        let json_ld = json_ld::event(&details);
        let ShowDetails { show, ticket_types, sale, .. } = details;
        let zone = show.venue.time_zone.as_str();
        let offers = ticket_types.into_iter().map(|offer| Offer {
            price: offer.ticket_type.price.to_string(),
            name: offer.ticket_type.name,
            description: offer.ticket_type.description,
            per_order_max: offer.ticket_type.per_order_max,
            badge: (offer.sale != sale || offer.sale == SaleState::FewLeft)
                .then_some(offer.sale)
                .filter(|of_type| *of_type != SaleState::OnSale),
        });
        Self {
            date: when::date_block(show.starts_at, zone),
            day: when::day(show.starts_at, zone),
            starts: when::time(show.starts_at, zone),
            doors: when::time(show.doors_at, zone),
            zone: when::zone_name(zone),
            machine_time: when::machine(show.starts_at, zone),
            offers: offers.collect(),
            // One whose line opens later than that is told no time.
            opens: (sale == SaleState::NotYet && show.on_sale_at > Utc::now())
                .then(|| when::Moment::full(show.on_sale_at, zone)),
            sale,
            json_ld,
            show,
        }
    }
}

/// `GET /shows/{show}`
pub async fn show(State(app): State<App>, Path(show): Path<String>) -> Result<Response, Error> {
    let show = show.parse().map_err(|_| Error::ShowUnknown)?;
    let page = ShowPage::new(listing::one(&app.pool, &show).await?);
    let status = if page.sale == SaleState::Withdrawn { StatusCode::GONE } else { StatusCode::OK };
    Ok((status, kit::page::html(&page)).into_response())
}
