//! The first step: choosing tickets and holding them.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{AppendHeaders, IntoResponse, Response},
};
use catalog::contract::{TicketType, price};
use chrono::Utc;
use kit::{extract::Query, form::Form};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::http::pages::{
    buyer,
    buyer_form::BuyerForm,
    cookie,
    countdown::Countdown,
    outside,
    view::{Notice, ShowFacts, with_status},
    visitor::{OfShow, Visitor, address, go_to_order, go_with},
};
use crate::{
    App, Error,
    hold::{self, Held, HeldItem, Hold, Item},
    session::{self, Session},
    stock::availability::{self, Left, Status},
};

#[derive(Template)]
#[template(path = "checkout/choose.html")]
struct ChoosePage {
    show: ShowFacts,
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
    id: Uuid,
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
    fn new(offered: &TicketType, left: Option<&Left>, own: i32, kept: &HashMap<Uuid, i32>) -> Self {
        let (status, about_left) =
            left.map_or((Status::SoldOut, 0), |left| (left.status, left.about_left));
        let (availability, tone) = match status {
            Status::SoldOut if own > 0 => {
                (format!("None left beyond the {own} you hold"), "badge-warn")
            }
            Status::Available => ("Available".to_owned(), "badge-good"),
            // Up to ten the number is exact.
            Status::Few if about_left <= 10 => (format!("Only {about_left} left"), "badge-warn"),
            Status::Few => (format!("About {about_left} left"), "badge-warn"),
            Status::SoldOut => ("None left at this moment".to_owned(), ""),
            Status::SaleEnded => ("No longer sold".to_owned(), ""),
        };
        let max = offered
            .per_order_max
            .min(i32::try_from(about_left).unwrap_or(i32::MAX).saturating_add(own));
        Self {
            id: offered.ticket_type,
            name: offered.name.clone(),
            description: offered.description.clone(),
            price: price::format(offered.price_minor, &offered.currency),
            price_minor: offered.price_minor,
            availability,
            tone,
            max,
            chosen: kept.get(&offered.ticket_type).copied().unwrap_or(0).min(max),
        }
    }
}

#[derive(Deserialize)]
pub struct Looking {
    /// Set by whoever holds tickets and would rather have others.
    change: Option<String>,
}

/// `GET /checkout/{show}`: the step at which the visitor is.
pub async fn page(
    State(app): State<App>,
    OfShow(of_show): OfShow,
    Query(looking): Query<Looking>,
    visitor: Visitor,
) -> Result<Response, Error> {
    let session = match visitor.session_at_any_time(&app, &of_show) {
        Ok(session) => session,
        Err(error) => return outside::page(error, Some(&of_show)),
    };
    if let Some(to_order) = go_to_order(&app, &session).await? {
        return Ok(to_order);
    }
    if let Err(error) = still_inside(&app, &visitor, &of_show).await {
        return outside::page(error, Some(&of_show));
    }
    match held(&app, &visitor, &session).await? {
        Some(held) if looking.change.is_some() => {
            let kept =
                held.hold.items.iter().map(|item| (item.ticket_type, item.quantity())).collect();
            show(&app, &session, Some(&held.hold), None, &kept).await
        }
        Some(held) => buyer::show(&app, &session, &held, BuyerForm::default(), None).await,
        None if ran_out(&app, &visitor, &session) => {
            let page =
                show(&app, &session, None, Some(Notice::hold_ran_out()), &HashMap::new()).await?;
            Ok((AppendHeaders([cookie::gone(&app, &cookie::HOLD.of(&of_show))]), page)
                .into_response())
        }
        None => show(&app, &session, None, None, &HashMap::new()).await,
    }
}

/// The visitor's session, neither run out nor ended, in a show that is sold.
pub async fn still_inside(app: &App, visitor: &Visitor, show: &str) -> Result<Session, Error> {
    let session = visitor.session(app, show)?;
    session::ensure_open(app, &session).await?;
    app.offers.of(&app.pool, show).await?.ensure_sold(Utc::now())?;
    Ok(session)
}

/// What the session holds: as Redis knows it, or as the browser's cookie remembers it should Redis
/// have forgotten.
pub async fn held(app: &App, visitor: &Visitor, session: &Session) -> Result<Option<Held>, Error> {
    if let Some(held) = hold::current(app, session).await? {
        return Ok(Some(held));
    }
    let Some(token) = visitor.cookie(app, &cookie::HOLD.of(&session.show)) else { return Ok(None) };
    let known =
        hold::of_token(app, session, token).ok().filter(|hold| hold.expires_at > Utc::now());
    Ok(known.map(|hold| Held { token: token.to_owned(), hold }))
}

/// Whether the hold that this browser remembers ran out: it was neither given back nor ordered, for
/// then the cookie goes.
fn ran_out(app: &App, visitor: &Visitor, session: &Session) -> bool {
    let token = visitor.cookie(app, &cookie::HOLD.of(&session.show));
    let remembered = token.and_then(|token| hold::of_token(app, session, token).ok());
    remembered.is_some_and(|hold| hold.expires_at <= Utc::now())
}

/// `POST /checkout/{show}/hold`
pub async fn hold(
    State(app): State<App>,
    OfShow(of_show): OfShow,
    visitor: Visitor,
    Form(fields): Form<HashMap<String, String>>,
) -> Result<Response, Error> {
    let session = match still_inside(&app, &visitor, &of_show).await {
        Ok(session) => session,
        Err(error) => return outside::page(error, Some(&of_show)),
    };
    if let Some(to_order) = go_to_order(&app, &session).await? {
        return Ok(to_order);
    }
    let items = chosen(&fields);
    if items.is_empty() {
        let notice = Notice::new(
            "Choose at least one ticket.",
            "Set how many you want next to a ticket type.",
        );
        let held = hold::current(&app, &session).await?;
        let page = show(
            &app,
            &session,
            held.as_ref().map(|held| &held.hold),
            Some(notice),
            &HashMap::new(),
        )
        .await?;
        return Ok(with_status(page, StatusCode::UNPROCESSABLE_ENTITY));
    }
    let attempt = fields.get("attempt").map_or("", String::as_str);
    match hold::take(&app, &session, &items, &key(attempt, &items)).await {
        Ok(held) => {
            // Kept beyond the hold's end, so that the page can say that it ran out.
            let cookie =
                cookie::until(&app, &cookie::HOLD.of(&of_show), &held.token, session.expires_at);
            Ok(go_with(&address(&of_show), [cookie]))
        }
        Err(error) => refused(&app, &session, error, &items).await,
    }
}

/// `POST /checkout/{show}/give-back`
pub async fn give_back(
    State(app): State<App>,
    OfShow(of_show): OfShow,
    visitor: Visitor,
) -> Result<Response, Error> {
    if let Ok(session) = visitor.session(&app, &of_show)
        && let Some(held) = held(&app, &visitor, &session).await?
    {
        hold::give_back(&app, &session, &held.token).await?;
    }
    Ok(go_with(&address(&of_show), [cookie::gone(&app, &cookie::HOLD.of(&of_show))]))
}

/// The chosen quantities: fields named `q-<ticket type>`.
fn chosen(fields: &HashMap<String, String>) -> Vec<Item> {
    let mut items: Vec<Item> = fields
        .iter()
        .filter_map(|(name, value)| {
            let ticket_type = name.strip_prefix("q-")?.parse().ok()?;
            let quantity = value.parse().ok().filter(|quantity| *quantity > 0)?;
            Some(Item { ticket_type, quantity })
        })
        .collect();
    // A form has no order once it is a map, and a repeat must ask for the same.
    items.sort_by_key(|item| item.ticket_type);
    items
}

/// A form sent twice asks for one hold; a form sent again with another choice asks for another.
fn key(attempt: &str, items: &[Item]) -> String {
    let mut digest = Sha256::new();
    digest.update(attempt);
    for item in items {
        digest.update(item.ticket_type);
        digest.update(item.quantity.to_be_bytes());
    }
    format!("page-{}", hold::hex(&digest.finalize()))
}

async fn refused(
    app: &App,
    session: &Session,
    error: Error,
    items: &[Item],
) -> Result<Response, Error> {
    let notice = match &error {
        Error::ShowBegun | Error::SaleStopped(_) => {
            return outside::page(error, Some(&session.show));
        }
        Error::SoldOut { ticket_type, kept } | Error::NotEnoughLeft { ticket_type, kept, .. }
            if *kept > 0 =>
        {
            let tickets = tickets(*kept);
            Notice::new(
                format!("Not enough of {ticket_type} are free. You keep your {tickets}."),
                "Nothing has changed. Take fewer, or another type, or go on with what you hold.",
            )
        }
        Error::SoldOut { ticket_type, .. } => Notice::new(
            format!("Someone else bought the last ticket of this type: {ticket_type}."),
            "You still have your place in checkout. Tickets that are held and not bought come \
                back, so a second look can pay.",
        ),
        Error::NotEnoughLeft { ticket_type, left, .. } => Notice::new(
            format!("Only {left} of {ticket_type} can be had at this moment."),
            "You still have your place in checkout. Take fewer, or another type.",
        ),
        Error::InProgress => {
            Notice::new("We are still holding your tickets.", "Look again in a moment.")
        }
        Error::Field { .. } | Error::TicketTypeUnknown { .. } => {
            Notice::new("This choice does not fit.", error.problem().detail)
        }
        _ => return Err(error),
    };
    let kept = items.iter().map(|item| (item.ticket_type, item.quantity)).collect();
    let held = hold::current(app, session).await?;
    let page =
        show(app, session, held.as_ref().map(|held| &held.hold), Some(notice), &kept).await?;
    Ok(with_status(page, error.problem().status))
}

/// `1 ticket`, `2 tickets`
fn tickets(count: i32) -> String {
    if count == 1 { "1 ticket".to_owned() } else { format!("{count} tickets") }
}

/// The form, with `kept` quantities chosen where they are still to be had. What is `held` can be
/// chosen too.
pub async fn show(
    app: &App,
    session: &Session,
    held: Option<&Hold>,
    notice: Option<Notice>,
    kept: &HashMap<Uuid, i32>,
) -> Result<Response, Error> {
    let show = ShowFacts::load(app, &session.show).await?;
    let offer = app.offers.of(&app.pool, &session.show).await?;
    let availability = availability::of(app, &session.show).await?;
    let left = |id: Uuid| availability.ticket_types.iter().find(|left| left.ticket_type == id);
    let own = |id: Uuid| held.and_then(|hold| hold.item(id)).map_or(0, HeldItem::quantity);
    let view = |offered: &TicketType| {
        OfferView::new(offered, left(offered.ticket_type), own(offered.ticket_type), kept)
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
