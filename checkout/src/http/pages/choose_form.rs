//! The form in which tickets are chosen.

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;
use catalog::contract::{TicketType, TicketTypeId, price};
use chrono::Utc;
use uuid::Uuid;

use crate::{
    App, Error,
    hold::{HeldItem, Hold},
    http::pages::{
        countdown::Countdown,
        view::{Notice, ShowView},
    },
    session::Session,
    stock::availability::{self, AvailabilityStatus, TypeAvailability},
};

#[derive(Template)]
#[template(path = "checkout/choose.html")]
struct ChoosePage {
    show: ShowView,
    countdown: Countdown,
    notice: Option<Notice>,
    /// A fresh key for every showing of the form.
    attempt: String,
    offers: Vec<OfferView>,
    any_left: bool,
    currency: String,
    hold_minutes: u64,
    /// `2 tickets`, where some are held while others are chosen.
    holding: Option<String>,
}

/// One ticket type on offer.
struct OfferView {
    id: TicketTypeId,
    name: String,
    description: String,
    price: String,
    price_minor: i64,
    availability: String,
    /// Class of the badge.
    tone: &'static str,
    /// The most that can be chosen; 0 where none is left.
    max: i32,
    chosen: i32,
}

impl OfferView {
    /// `own` tickets are held by the fan who chooses, and can be chosen beside those that are left.
    fn new(
        offered: &TicketType,
        left: Option<&TypeAvailability>,
        own: i32,
        kept: &HashMap<TicketTypeId, i32>,
    ) -> Self {
        let (status, about_left) =
            left.map_or((AvailabilityStatus::SoldOut, 0), |left| (left.status, left.about_left));
        let (availability, tone) = match status {
            AvailabilityStatus::SoldOut if own > 0 => {
                (format!("None left beyond the {own} you hold"), "badge-warn")
            }
            AvailabilityStatus::Available => ("Available".to_owned(), "badge-good"),
            // Up to ten the number is exact.
            AvailabilityStatus::Few if about_left <= 10 => {
                (format!("Only {about_left} left"), "badge-warn")
            }
            AvailabilityStatus::Few => (format!("About {about_left} left"), "badge-warn"),
            AvailabilityStatus::SoldOut => ("None left at this moment".to_owned(), ""),
            AvailabilityStatus::SaleEnded => ("No longer sold".to_owned(), ""),
        };
        let id = offered.ticket_type;
        let max = offered
            .per_order_max
            .min(i32::try_from(about_left).unwrap_or(i32::MAX).saturating_add(own));
        Self {
            id,
            name: offered.name.clone(),
            description: offered.description.clone(),
            price: price::format(offered.price_minor, &offered.currency),
            price_minor: offered.price_minor,
            availability,
            tone,
            max,
            chosen: kept.get(&id).copied().unwrap_or(0).min(max),
        }
    }
}

/// The form, with `kept` quantities chosen where they are still to be had. What is `held` can be
/// chosen too.
pub async fn show(
    app: &App,
    session: &Session,
    held: Option<&Hold>,
    notice: Option<Notice>,
    kept: &HashMap<TicketTypeId, i32>,
) -> Result<Response, Error> {
    let show = ShowView::load(app, &session.show).await?;
    let offer = app.offer_cache.of(&app.pool, &session.show).await?;
    let availability = availability::of(app, &session.show).await?;
    let left =
        |id: TicketTypeId| availability.ticket_types.iter().find(|left| left.ticket_type == id);
    let own = |id: TicketTypeId| held.and_then(|hold| hold.item(id)).map_or(0, HeldItem::quantity);
    let view = |offered: &TicketType| {
        let id = offered.ticket_type;
        OfferView::new(offered, left(id), own(id), kept)
    };
    let offers: Vec<OfferView> = offer.ticket_types.iter().map(view).collect();
    let total_secs = app.config.session_ttl.as_secs() as i64;
    let until = show.moment(session.expires_at);
    let countdown = Countdown::new(
        Utc::now(),
        session.expires_at,
        total_secs,
        "Your place in checkout is yours until",
        until,
    )
    .then(show.checkout());
    Ok(kit::page::html(&ChoosePage {
        any_left: offers.iter().any(|offer| offer.max > 0),
        currency: offer
            .ticket_types
            .first()
            .map(|first| first.currency.clone())
            .unwrap_or_default(),
        holding: held.map(|hold| tickets(hold.quantity())),
        hold_minutes: app.config.hold_ttl.as_secs().div_ceil(60),
        attempt: Uuid::new_v4().simple().to_string(),
        show,
        countdown,
        notice,
        offers,
    }))
}

/// `1 ticket`, `2 tickets`
pub fn tickets(count: i32) -> String {
    if count == 1 { "1 ticket".to_owned() } else { format!("{count} tickets") }
}
