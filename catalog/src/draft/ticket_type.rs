//! A reseller's ticket types.

use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    draft::{check, show::locked},
    error::CatalogError,
    seller::ResellerId,
    show::ShowId,
    store::draft as store,
    ticket_type::{NewTicketType, TicketType, TicketTypeId},
};

const TICKET_TYPES_MAX: usize = 50;

/// Adds a ticket type behind the others, or changes the one with this id. Gives its id. A published
/// show may get new types; of those it has, name and currency stay.
///
/// # Errors
/// [`CatalogError::NotFound`], [`CatalogError::Withdrawn`], or [`CatalogError::Field`] (`name`,
/// `description`, `price_minor`, `currency`, `per_order_max`). A show sells in one currency.
pub async fn put_ticket_type(
    pool: &PgPool,
    reseller: ResellerId,
    show: &ShowId,
    ticket_type: Option<TicketTypeId>,
    new: &NewTicketType,
) -> Result<TicketTypeId, CatalogError> {
    let new = check::ticket_type(new)?;
    let mut tx = pool.begin().await?;
    let is_published = locked(&mut tx, reseller, show).await?.published_at.is_some();
    let (own, others): (Vec<_>, Vec<_>) = store::types_of(&mut tx, show)
        .await?
        .into_iter()
        .partition(|one| Some(one.ticket_type) == ticket_type);
    let before = own.first();
    if ticket_type.is_some() && before.is_none() {
        return Err(CatalogError::NotFound);
    }
    fits_beside(&others, &new)?;
    let id = match before {
        None => {
            let id = TicketTypeId::from(Uuid::new_v4());
            store::insert_ticket_type(&mut tx, show, id, &new).await?;
            id
        }
        Some(before) => {
            if is_published {
                keeps_its_name(before, &new)?;
            }
            store::update_ticket_type(&mut tx, show, before.ticket_type, &new).await?;
            before.ticket_type
        }
    };
    tx.commit().await?;
    Ok(id)
}

fn fits_beside(others: &[TicketType], new: &NewTicketType) -> Result<(), CatalogError> {
    if others.iter().any(|one| one.name == new.name) {
        return Err(CatalogError::field("name", "is the name of another ticket type of this show"));
    }
    if let Some(other) = others.iter().find(|one| one.price.currency != new.price.currency) {
        return Err(CatalogError::field(
            "currency",
            format!("must be {} as for the other types", other.price.currency),
        ));
    }
    if others.len() >= TICKET_TYPES_MAX {
        return Err(CatalogError::field(
            "name",
            format!("cannot be added: a show has {TICKET_TYPES_MAX} types at most"),
        ));
    }
    Ok(())
}

fn keeps_its_name(before: &TicketType, new: &NewTicketType) -> Result<(), CatalogError> {
    if before.name != new.name {
        return Err(CatalogError::field("name", "cannot change any more: the show is published"));
    }
    if before.price.currency != new.price.currency {
        return Err(CatalogError::field(
            "currency",
            "cannot change any more: the show is published",
        ));
    }
    Ok(())
}
