//! The form in which tickets are chosen.

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;
use catalog::contract::{SaleState, TicketType, TicketTypeId};
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
    stock::availability::{self, TypeAvailability},
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
    /// Some may come back of what is gone.
    may_come_back: bool,
    currency: String,
    hold_minutes: u64,
    /// For so long somebody who holds nothing may be away.
    idle_minutes: u64,
    /// So often an open page says that it is.
    here_secs: u64,
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
            left.map_or((SaleState::SoldOut, 0), |left| (left.status, left.about_left));
        let (availability, tone) = match status {
            SaleState::SoldOut | SaleState::AllHeld if own > 0 => {
                (format!("None left beyond the {own} you hold"), "badge-warn")
            }
            // Up to ten the number is exact.
            SaleState::FewLeft if about_left <= 10 => {
                (format!("Only {about_left} left"), "badge-warn")
            }
            SaleState::FewLeft => (format!("About {about_left} left"), "badge-warn"),
            other => (other.words().to_owned(), other.tone()),
        };
        let id = offered.ticket_type;
        let max = offered
            .per_order_max
            .min(i32::try_from(about_left).unwrap_or(i32::MAX).saturating_add(own));
        Self {
            id,
            name: offered.name.clone(),
            description: offered.description.clone(),
            price: offered.price.to_string(),
            price_minor: offered.price.minor,
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
        may_come_back: availability.sale != SaleState::SoldOut,
        any_left: offers.iter().any(|offer| offer.max > 0),
        currency: offer
            .ticket_types
            .first()
            .map(|first| first.price.currency.to_string())
            .unwrap_or_default(),
        holding: held.map(|hold| tickets(hold.quantity())),
        idle_minutes: app.config.session_idle.as_secs().div_ceil(60),
        here_secs: (app.config.session_idle.as_secs() / 3).max(1),
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
