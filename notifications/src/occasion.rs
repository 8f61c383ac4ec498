//! Looks up what a letter is about and whom it is for, at the moment it is sent.

use catalog::contract::Show;
use checkout::contract::{LinkHolder, OrderDetails};
use uuid::Uuid;

use crate::{
    App,
    kind::Kind,
    letter::{Matter, Occasion, Ticket},
    retry::Fault,
};

/// A letter's occasion, and the address it goes to.
pub struct Found {
    pub occasion: Occasion,
    pub address: String,
}

/// The link to the order is made anew for each attempt, since nobody keeps its secret; the last few
/// of a letter are good, should one have arrived that counts as failed.
///
/// # Errors
/// [`Fault::Never`] where what it is about is gone, [`Fault::Away`] where the database is.
pub async fn look_up(app: &App, letter: Uuid, kind: Kind, subject: Uuid) -> Result<Found, Fault> {
    let (order, text) = match kind {
        Kind::Ticket | Kind::Refund => (subject, None),
        Kind::SupportAnswer => {
            let answer = admin::contract::answer(&app.pool, subject).await.map_err(away)?;
            let answer = answer.ok_or(Fault::Never("the answer is gone"))?;
            (answer.order, Some(answer.text))
        }
        Kind::OrderLink => {
            let order =
                checkout::contract::renewed_order(&app.pool, subject).await.map_err(away)?;
            (order.ok_or(Fault::Never("the new link's order is gone"))?, None)
        }
    };
    let details = checkout::contract::order(&app.pool, order).await.map_err(away)?;
    let details = details.ok_or(Fault::Never("the order is gone"))?;
    let show = catalog::contract::show(&app.pool, &details.show).await.map_err(away)?;
    let show = show.ok_or(Fault::Later("the show is not in the catalog"))?;
    let matter = match (kind, text) {
        (Kind::SupportAnswer, text) => Matter::Answer(text.unwrap_or_default()),
        (Kind::Refund, _) => refund(&details),
        (Kind::OrderLink, _) => Matter::NewLink,
        (Kind::Ticket, _) => Matter::Tickets(tickets(app, &show, &details).await?),
    };
    let link = checkout::contract::new_order_link(&app.pool, order, LinkHolder::Letter(letter))
        .await
        .map_err(away)?;
    let occasion = Occasion {
        name: details.buyer.name,
        language: details.language,
        show,
        order: order.to_string(),
        order_url: app.config.public.join(&link.path()),
        matter,
    };
    Ok(Found { occasion, address: details.buyer.email })
}

fn away(_: sqlx::Error) -> Fault {
    Fault::Away("the database does not answer")
}

fn refund(order: &OrderDetails) -> Matter {
    Matter::Refund {
        amount_minor: order
            .refund
            .as_ref()
            .map_or(order.amount_minor, |refund| refund.amount_minor),
        currency: order.currency.clone(),
        void: !order.tickets.is_empty() && order.tickets.iter().all(|ticket| ticket.voided),
    }
}

/// The tickets that are still good.
async fn tickets(app: &App, show: &Show, order: &OrderDetails) -> Result<Vec<Ticket>, Fault> {
    let kinds = catalog::contract::ticket_types(&app.pool, &show.show).await.map_err(away)?;
    let kind_of =
        |id: Uuid| kinds.iter().find(|kind| kind.ticket_type == id).map(|kind| kind.name.clone());
    let good = order.tickets.iter().filter(|ticket| !ticket.voided);
    let tickets: Vec<Ticket> = good
        .map(|ticket| Ticket {
            number: ticket.number,
            kind: kind_of(ticket.ticket_type).unwrap_or_default(),
            code: ticket.code.clone(),
        })
        .collect();
    if tickets.is_empty() { Err(Fault::Never("the order has no good ticket")) } else { Ok(tickets) }
}
