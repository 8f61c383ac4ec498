//! Looks up what an email is about and whom it is for, at the moment it is sent.

use catalog::contract::{Money, Show, ShowId, TicketTypeId};
use checkout::contract::{LinkHolder, OrderDetails};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{kind::EmailKind, retry::SendError};
use crate::App;

/// What an email is written from.
pub struct EmailContext {
    /// Empty where it is not known.
    pub name: String,
    /// BCP 47.
    pub language: String,
    pub show: Show,
    /// The order as the buyer knows it; `None` where it is not about one.
    pub order: Option<String>,
    /// Where it leads to: the order's page, with its key, or the line.
    pub link: String,
    pub matter: Matter,
}

/// What happened.
pub enum Matter {
    Tickets(Vec<Ticket>),
    Refund {
        amount: Money,
        /// The order had tickets, which are no longer good.
        void: bool,
    },
    Answer(String),
    /// The links there were no longer open the order.
    NewLink,
    /// The turn in the line is likely to come between these.
    NearTurn {
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    },
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
        EmailKind::NearTurn => return near_turn(app, subject).await,
    };
    let details = checkout::contract::order(&app.pool, order).await.map_err(away)?;
    let details = details.ok_or(SendError::Never("the order is gone"))?;
    let show = show(app, &details.show).await?;
    let matter = match (kind, text) {
        (EmailKind::SupportAnswer, text) => Matter::Answer(text.unwrap_or_default()),
        (EmailKind::Refund, _) => refund(&details),
        (EmailKind::OrderLink, _) => Matter::NewLink,
        (EmailKind::Ticket, _) => Matter::Tickets(tickets(app, &show, &details).await?),
        (EmailKind::NearTurn, _) => return Err(SendError::Never("it is about no order")),
    };
    let link = checkout::contract::new_order_link(&app.pool, order, LinkHolder::Email(email))
        .await
        .map_err(away)?;
    let context = EmailContext {
        name: details.buyer.name,
        language: details.language,
        show,
        order: Some(order.to_string()),
        link: app.config.public.join(&link.path()),
        matter,
    };
    Ok(Found { context, address: details.buyer.email })
}

/// Its link does not hold the place: whoever else reads the mail would have it.
async fn near_turn(app: &App, mail: Uuid) -> Result<Found, SendError> {
    let letter = waitroom::contract::turn_letter(&app.pool, &app.turn_mail_keys, mail).await;
    let letter = letter.map_err(away)?.ok_or(SendError::Never("nobody waits for it any more"))?;
    let show = show(app, &letter.show).await?;
    let context = EmailContext {
        name: String::new(),
        language: letter.language,
        link: app.config.public.join(&format!("/queue/{}", show.show)),
        show,
        order: None,
        matter: Matter::NearTurn { from: letter.from, to: letter.to },
    };
    Ok(Found { context, address: letter.address })
}

async fn show(app: &App, show: &ShowId) -> Result<Show, SendError> {
    let found = catalog::contract::show(&app.pool, show).await.map_err(away)?;
    found.ok_or(SendError::Later("the show is not in the catalog"))
}

fn away(_: sqlx::Error) -> SendError {
    SendError::Away("the database does not answer")
}

fn refund(order: &OrderDetails) -> Matter {
    Matter::Refund {
        amount: order.refund.as_ref().map_or(order.amount, |refund| refund.amount),
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
