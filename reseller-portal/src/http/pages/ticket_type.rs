//! Making and changing a ticket type.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use catalog::contract::{self, Currency, InvalidCurrency, NewTicketType, ShowId, TicketTypeId};
use kit::{extract::Path, http::RequestId};
use serde::Deserialize;

use super::{
    form::{Field, FormPage, Kind},
    frame::Frame,
};
use crate::{
    App, allotment,
    error::{Error, Thing},
    form_values,
    http::{
        address::show_id,
        session::{Approved, Posted, Session},
    },
};

/// What the form sends.
#[derive(Deserialize)]
#[serde(default)]
pub struct TypeForm {
    name: String,
    description: String,
    price: String,
    currency: String,
    per_order_max: String,
    /// Of a new one only.
    allotted: String,
}

impl Default for TypeForm {
    fn default() -> Self {
        let [name, description, price, allotted] = [const { String::new() }; 4];
        Self {
            name,
            description,
            price,
            currency: "EUR".to_owned(),
            per_order_max: "4".to_owned(),
            allotted,
        }
    }
}

impl TypeForm {
    fn page(
        &self,
        session: &Session<Approved>,
        show: &ShowId,
        ticket_type: Option<TicketTypeId>,
    ) -> FormPage {
        let number = |name, label, value: &str| Field::new(name, label, value).kind(Kind::Number);
        let mut fields = vec![
            Field::new("name", "Name", &self.name).hint("Such as Floor, Balcony, Under 18."),
            Field::new("description", "Description", &self.description).optional(),
            number("price", "Price", &self.price)
                .hint("Such as 45.00; what a fan pays for one ticket."),
            Field::new("currency", "Currency", &self.currency).hint("Three letters, such as EUR."),
            number("per_order_max", "Tickets in one order, at most", &self.per_order_max)
                .hint("1 to 50."),
        ];
        if ticket_type.is_none() {
            fields.push(
                number("allotted", "Allotment", &self.allotted)
                    .hint("How many tickets of it are for sale."),
            );
        }
        let last = ticket_type.map_or_else(|| "new".to_owned(), |id| id.to_string());
        let title = if ticket_type.is_some() { "Change a ticket type" } else { "New ticket type" };
        let back = format!("/portal/shows/{show}");
        FormPage::of(
            Frame::new(session, "/portal/shows"),
            title,
            format!("{back}/ticket-types/{last}"),
            fields,
        )
        .back(back, "The show")
    }

    fn ticket_type(&self) -> Result<NewTicketType, Vec<(&'static str, String)>> {
        let mut faults = Vec::new();
        // An amount is read as so many of the currency's units.
        let price = match self.currency.trim().to_uppercase().parse::<Currency>() {
            Ok(currency) => form_values::money(&self.price, currency).or_else(|| {
                faults.push(("price", "Enter an amount such as 45.00.".to_owned()));
                None
            }),
            Err(InvalidCurrency) => {
                let detail = "must be a currency code of ISO 4217 such as EUR";
                faults.push(("currency", detail.to_owned()));
                None
            }
        };
        let per_order_max = self.per_order_max.trim().parse();
        match (price, per_order_max) {
            (Some(price), Ok(per_order_max)) => Ok(NewTicketType {
                name: self.name.trim().to_owned(),
                description: self.description.trim().to_owned(),
                price,
                per_order_max,
            }),
            (_, per_order_max) => {
                if per_order_max.is_err() {
                    faults.push(("per_order_max", "Enter a whole number, 1 to 50.".to_owned()));
                }
                Err(faults)
            }
        }
    }
}

/// The catalog's name of a field, as the form has it.
fn refused(page: FormPage, fault: Error) -> Response {
    match fault {
        Error::Field { field, detail } if field == "price_minor" => {
            page.refused(&[("price", detail)])
        }
        other => page.refused_by(other),
    }
}

/// `GET /portal/shows/{show}/ticket-types/new`
pub async fn new(
    State(app): State<App>,
    session: Session<Approved>,
    Path(show): Path<String>,
) -> Result<Response, Error> {
    let show = show_id(&show, Thing::Show)?;
    super::show::own(&app, &session, &show).await?;
    Ok(TypeForm::default().page(&session, &show, None).answer())
}

/// `POST /portal/shows/{show}/ticket-types/new`
pub async fn create(
    State(app): State<App>,
    Path(show): Path<String>,
    request: RequestId,
    Posted { session, form }: Posted<Approved, TypeForm>,
) -> Result<Response, Error> {
    let show = show_id(&show, Thing::Show)?;
    super::show::own(&app, &session, &show).await?;
    let page = form.page(&session, &show, None);
    let new = match form.ticket_type() {
        Ok(new) => new,
        Err(faults) => return Ok(page.refused(&faults)),
    };
    // Before anything is written, so that a form that does not fit leaves nothing behind.
    let Some(allotted) =
        form.allotted.trim().parse().ok().filter(|number| (0..=1_000_000).contains(number))
    else {
        return Ok(
            page.refused(&[("allotted", "Enter a whole number, 0 to 1,000,000.".to_owned())])
        );
    };
    let reseller = session.person.reseller;
    let made = match contract::put_ticket_type(&app.pool, reseller, &show, None, &new).await {
        Ok(made) => made,
        Err(fault) => return Ok(refused(page, Error::of_catalog(fault, Thing::Show))),
    };
    allotment::change(&app, reseller, &show, made, allotted, &request).await?;
    Ok(Redirect::to(&format!("/portal/shows/{show}?changed={made}")).into_response())
}

/// `GET /portal/shows/{show}/ticket-types/{ticket_type}`
pub async fn edit(
    State(app): State<App>,
    session: Session<Approved>,
    Path((show, ticket_type)): Path<(String, TicketTypeId)>,
) -> Result<Response, Error> {
    let show = show_id(&show, Thing::Show)?;
    let found = super::show::own(&app, &session, &show).await?;
    let of = found
        .ticket_types
        .into_iter()
        .map(|of| of.ticket_type)
        .find(|of| of.ticket_type == ticket_type);
    let of = of.ok_or(Error::Unknown(Thing::TicketType))?;
    let form = TypeForm {
        price: of.price.decimal(),
        per_order_max: of.per_order_max.to_string(),
        name: of.name,
        description: of.description,
        currency: of.price.currency.to_string(),
        allotted: String::new(),
    };
    Ok(form.page(&session, &show, Some(ticket_type)).answer())
}

/// `POST /portal/shows/{show}/ticket-types/{ticket_type}`
pub async fn change(
    State(app): State<App>,
    Path((show, ticket_type)): Path<(String, TicketTypeId)>,
    Posted { session, form }: Posted<Approved, TypeForm>,
) -> Result<Response, Error> {
    let show = show_id(&show, Thing::Show)?;
    super::show::own(&app, &session, &show).await?;
    let page = form.page(&session, &show, Some(ticket_type));
    let new = match form.ticket_type() {
        Ok(new) => new,
        Err(faults) => return Ok(page.refused(&faults)),
    };
    Ok(
        match contract::put_ticket_type(
            &app.pool,
            session.person.reseller,
            &show,
            Some(ticket_type),
            &new,
        )
        .await
        {
            Ok(_) => Redirect::to(&format!("/portal/shows/{show}")).into_response(),
            Err(fault) => refused(page, Error::of_catalog(fault, Thing::TicketType)),
        },
    )
}
