//! What pages show, in words: a show's facts, lines with amounts. Pure, but for reading the
//! catalog.

use axum::{http::StatusCode, response::Response};
use catalog::contract::{
    Currency, Money, Show, ShowId, TicketType, TicketTypeId,
    when::{self, Moment},
};
use chrono::{DateTime, Utc};

use crate::{App, Error, http::pages::visitor};

/// A show's facts as pages tell them.
#[derive(Debug, Clone)]
pub struct ShowView {
    pub id: ShowId,
    pub title: String,
    /// `Saturday 21 November 2026 at 20:00, Berlin time`
    pub when: String,
    /// `Doors open at 19:00`
    pub doors: String,
    /// `Harbour Hall, Hamburg`
    pub place: String,
    pub address: String,
    pub time_zone: String,
}

impl ShowView {
    pub fn new(show: Show) -> Self {
        let zone = show.venue.time_zone;
        Self {
            when: when::full(show.starts_at, &zone),
            doors: format!("Doors open at {}", when::time(show.doors_at, &zone)),
            place: format!("{}, {}", show.venue.name, show.venue.city),
            address: show.venue.address,
            id: show.show,
            title: show.title,
            time_zone: zone,
        }
    }

    pub async fn load(app: &App, show: &ShowId) -> Result<Self, Error> {
        catalog::contract::show(&app.pool, show).await?.map(Self::new).ok_or(Error::ShowUnknown)
    }

    /// Where its tickets are bought.
    pub fn checkout(&self) -> String {
        visitor::address(&self.id)
    }

    /// A moment soon.
    pub fn moment(&self, at: DateTime<Utc>) -> Moment {
        Moment::clock(at, &self.time_zone)
    }
}

/// Tickets of one type and what they come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    pub quantity: i32,
    pub name: String,
    pub amount: String,
}

/// Lines by ticket type, shards taken together, in the order in which types are offered.
pub fn lines(
    items: &[(TicketTypeId, i32, i64)],
    types: &[TicketType],
    currency: Currency,
) -> Vec<LineView> {
    let offered =
        types.iter().map(|ticket_type| (ticket_type.ticket_type, ticket_type.name.as_str()));
    // A type that is no longer offered was bought all the same.
    let mut known: Vec<(TicketTypeId, &str)> = offered.collect();
    for (id, _, _) in items {
        if !known.iter().any(|(other, _)| other == id) {
            known.push((*id, "Ticket"));
        }
    }
    let mut views = Vec::with_capacity(known.len());
    for (id, name) in known {
        let of_type = || items.iter().filter(|(other, _, _)| *other == id);
        let quantity: i32 = of_type().map(|(_, quantity, _)| quantity).sum();
        let amount: i64 =
            of_type().map(|(_, quantity, unit_minor)| i64::from(*quantity) * unit_minor).sum();
        if quantity > 0 {
            views.push(LineView {
                quantity,
                name: name.to_owned(),
                amount: Money::new(amount, currency).to_string(),
            });
        }
    }
    views
}

/// Something that went otherwise than hoped: a short sentence, and what happens next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub title: String,
    pub words: String,
}

impl Notice {
    pub fn new(title: impl Into<String>, words: impl Into<String>) -> Self {
        Self { title: title.into(), words: words.into() }
    }

    pub fn hold_ran_out() -> Self {
        Self::new(
            "Your hold ran out.",
            "The tickets went back on sale and nothing was charged. You still have your place in \
                checkout.",
        )
    }
}

/// The same page under another status.
pub fn with_status(mut response: Response, status: StatusCode) -> Response {
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    response
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn offered(id: u128, name: &str) -> TicketType {
        TicketType {
            ticket_type: Uuid::from_u128(id).into(),
            name: name.to_owned(),
            description: String::new(),
            price: Money::new(1_000, "EUR".parse().expect("a currency")),
            per_order_max: 4,
        }
    }

    #[test]
    fn shards_are_taken_together_and_unknown_types_are_not_lost() {
        let types = [offered(1, "Floor"), offered(2, "Balcony")];
        let id = |id| TicketTypeId::from(Uuid::from_u128(id));
        let euro = "EUR".parse().expect("a currency");
        let views = lines(&[(id(9), 1, 500), (id(2), 1, 1_000), (id(2), 2, 1_000)], &types, euro);
        let told: Vec<_> = views
            .iter()
            .map(|view| (view.quantity, view.name.as_str(), view.amount.as_str()))
            .collect();
        assert_eq!(told, [(3, "Balcony", "€30.00"), (1, "Ticket", "€5.00")]);
    }
}
