//! Looks up what an email is about and whom it is for, at the moment it is sent.

use catalog::contract::{Show, TicketTypeId};
use checkout::contract::{LinkHolder, OrderDetails};
use uuid::Uuid;

use super::{kind::EmailKind, retry::SendError};
use crate::App;

/// What an email is written from.
pub struct EmailContext {
    pub name: String,
    /// BCP 47.
    pub language: String,
    pub show: Show,
    /// The order as the buyer knows it.
    pub order: String,
    /// Where the order's page is, with its key.
    pub order_url: String,
    pub matter: Matter,
}

/// What happened.
pub enum Matter {
    Tickets(Vec<Ticket>),
    Refund {
        amount_minor: i64,
        currency: String,
        /// The order had tickets, which are no longer good.
        void: bool,
    },
    Answer(String),
    /// The links there were no longer open the order.
    NewLink,
}

/// A ticket to send.
pub struct Ticket {
    /// 1, 2, … within the order.
    pub number: i32,
    /// The name of its type.
    pub kind: String,
    pub code: String,
}

/// An email's context, and the address it goes to.
pub struct Found {
    pub context: EmailContext,
    pub address: String,
}

/// The link to the order is made anew for each attempt, since nobody keeps its secret; the last few
/// of an email are good, should one have arrived that counts as failed.
///
/// # Errors
/// [`SendError::Never`] where what it is about is gone, [`SendError::Away`] where the database is.
pub async fn look_up(
    app: &App,
    email: Uuid,
    kind: EmailKind,
    subject: Uuid,
) -> Result<Found, SendError> {
    let (order, text) = match kind {
        EmailKind::Ticket | EmailKind::Refund => (subject.into(), None),
        EmailKind::SupportAnswer => {
            let answer = admin::contract::answer(&app.pool, subject).await.map_err(away)?;
            let answer = answer.ok_or(SendError::Never("the answer is gone"))?;
            (answer.order.into(), Some(answer.text))
        }
        EmailKind::OrderLink => {
            let order =
                checkout::contract::renewed_order(&app.pool, subject).await.map_err(away)?;
            (order.ok_or(SendError::Never("the new link's order is gone"))?, None)
        }
    };
    let details = checkout::contract::order(&app.pool, order).await.map_err(away)?;
    let details = details.ok_or(SendError::Never("the order is gone"))?;
    let show = catalog::contract::show(&app.pool, &details.show).await.map_err(away)?;
    let show = show.ok_or(SendError::Later("the show is not in the catalog"))?;
    let matter = match (kind, text) {
        (EmailKind::SupportAnswer, text) => Matter::Answer(text.unwrap_or_default()),
        (EmailKind::Refund, _) => refund(&details),
        (EmailKind::OrderLink, _) => Matter::NewLink,
        (EmailKind::Ticket, _) => Matter::Tickets(tickets(app, &show, &details).await?),
    };
    let link = checkout::contract::new_order_link(&app.pool, order, LinkHolder::Email(email))
        .await
        .map_err(away)?;
    let context = EmailContext {
        name: details.buyer.name,
        language: details.language,
        show,
        order: order.to_string(),
        order_url: app.config.public.join(&link.path()),
        matter,
    };
    Ok(Found { context, address: details.buyer.email })
}

fn away(_: sqlx::Error) -> SendError {
    SendError::Away("the database does not answer")
}

fn refund(order: &OrderDetails) -> Matter {
    Matter::Refund {
        amount_minor: order
            .refund
            .as_ref()
            .map_or(order.amount.minor, |refund| refund.amount_minor),
        currency: order.amount.currency.into(),
        void: !order.tickets.is_empty() && order.tickets.iter().all(|ticket| ticket.voided),
    }
}

/// The tickets that are still good.
async fn tickets(app: &App, show: &Show, order: &OrderDetails) -> Result<Vec<Ticket>, SendError> {
    let kinds = catalog::contract::ticket_types(&app.pool, &show.show).await.map_err(away)?;
    let kind_of = |id: TicketTypeId| {
        kinds.iter().find(|kind| kind.ticket_type == id).map(|kind| kind.name.clone())
    };
    let good = order.tickets.iter().filter(|ticket| !ticket.voided);
    let tickets: Vec<Ticket> = good
        .map(|ticket| Ticket {
            number: ticket.number,
            kind: kind_of(ticket.ticket_type).unwrap_or_default(),
            code: ticket.code.clone(),
        })
        .collect();
    if tickets.is_empty() {
        Err(SendError::Never("the order has no good ticket"))
    } else {
        Ok(tickets)
    }
}
