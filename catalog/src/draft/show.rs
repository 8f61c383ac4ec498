//! Creating, changing and publishing a reseller's shows.

use chrono::{DateTime, Utc};
use kit::http::RequestId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    contract::{NewTicketType, TicketType},
    draft::{ShowDraft, check},
    event::CatalogEvent,
    fault::CatalogError,
    show::slug,
    store::{allotment, draft as store, draft::LockedShow, outbox},
};

const TICKET_TYPES_MAX: usize = 50;
/// After so many shows of the same name, ids get random endings.
const NUMBERED_MAX: u32 = 20;

/// Adds a draft and gives its id, a slug made from performer and title.
///
/// # Errors
/// [`CatalogError::Field`], with the name of the draft's field.
pub async fn create_show(
    pool: &PgPool,
    reseller: Uuid,
    draft: &ShowDraft,
) -> Result<String, CatalogError> {
    let draft = check::draft(draft)?;
    let mut tx = pool.begin().await?;
    has_place(&mut tx, reseller, &draft).await?;
    let base = slug::of_words(&draft.performer, &draft.title);
    let numbered = (2..=NUMBERED_MAX).map(|number| slug::with_suffix(&base, &number.to_string()));
    let random = slug::with_suffix(&base, &Uuid::new_v4().simple().to_string()[..8]);
    for show in std::iter::once(base.clone()).chain(numbered).chain([random]) {
        if store::insert_show(&mut tx, reseller, &show, &draft).await? {
            tx.commit().await?;
            return Ok(show);
        }
    }
    Err(CatalogError::field("title", "is taken too often; choose another title"))
}

/// Whether the draft's venue is the reseller's.
async fn has_place(
    tx: &mut PgConnection,
    reseller: Uuid,
    draft: &ShowDraft,
) -> Result<(), CatalogError> {
    if store::has_venue(tx, reseller, draft.venue).await? {
        Ok(())
    } else {
        Err(CatalogError::field("venue", "must be one of your venues"))
    }
}

async fn locked(
    tx: &mut PgConnection,
    reseller: Uuid,
    show: &str,
) -> Result<LockedShow, CatalogError> {
    let known = store::lock_show(tx, Some(reseller), show).await?.ok_or(CatalogError::NotFound)?;
    if known.withdrawn_at.is_some() { Err(CatalogError::Withdrawn) } else { Ok(known) }
}

/// Changes a show; its id stays. Moving the beginning of a published show's sale is told as
/// [`CatalogEvent::ShowPublished`].
///
/// # Errors
/// [`CatalogError::NotFound`], [`CatalogError::Withdrawn`], or [`CatalogError::Field`] with the
/// name of the draft's field. Once a published show's sale has begun, its beginning cannot move; a
/// published show cannot move into the past.
pub async fn change_show(
    pool: &PgPool,
    reseller: Uuid,
    show: &str,
    draft: &ShowDraft,
) -> Result<(), CatalogError> {
    let draft = check::draft(draft)?;
    let mut tx = pool.begin().await?;
    let before = locked(&mut tx, reseller, show).await?;
    may_move(&before, &draft, Utc::now())?;
    has_place(&mut tx, reseller, &draft).await?;
    store::update_show(&mut tx, reseller, show, &draft).await?;
    if before.published_at.is_some() && before.on_sale_at != draft.on_sale_at {
        let moved =
            CatalogEvent::ShowPublished { show: show.to_owned(), on_sale_at: draft.on_sale_at };
        outbox::add(&mut tx, &[moved], &RequestId::fresh()).await?;
    }
    Ok(tx.commit().await?)
}

/// Whether a show's times may become the draft's. Pure.
fn may_move(
    before: &LockedShow,
    draft: &ShowDraft,
    now: DateTime<Utc>,
) -> Result<(), CatalogError> {
    if before.published_at.is_none() {
        return Ok(());
    }
    if before.on_sale_at != draft.on_sale_at && before.on_sale_at <= now {
        return Err(CatalogError::field(
            "on_sale_at",
            "cannot change any more: the sale has begun",
        ));
    }
    if before.starts_at != draft.starts_at && draft.starts_at <= now {
        return Err(CatalogError::field(
            "starts_at",
            "must be in the future: the show is published",
        ));
    }
    Ok(())
}

/// Adds a ticket type behind the others, or changes the one with this id. Gives its id. A published
/// show may get new types; of those it has, name and currency stay.
///
/// # Errors
/// [`CatalogError::NotFound`], [`CatalogError::Withdrawn`], or [`CatalogError::Field`] (`name`,
/// `description`, `price_minor`, `currency`, `per_order_max`). A show sells in one currency.
pub async fn put_ticket_type(
    pool: &PgPool,
    reseller: Uuid,
    show: &str,
    ticket_type: Option<Uuid>,
    new: &NewTicketType,
) -> Result<Uuid, CatalogError> {
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
            let id = Uuid::new_v4();
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
    if let Some(other) = others.iter().find(|one| one.currency != new.currency) {
        return Err(CatalogError::field(
            "currency",
            format!("must be {} as for the other types", other.currency),
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
    if before.currency != new.currency {
        return Err(CatalogError::field(
            "currency",
            "cannot change any more: the show is published",
        ));
    }
    Ok(())
}

/// Publishes a draft: fans see it, its room is made and its stock put on sale.
///
/// # Errors
/// [`CatalogError::NotFound`], [`CatalogError::Withdrawn`], [`CatalogError::AlreadyPublished`], or
/// [`CatalogError::NotPublishable`] where nothing is allotted or the show lies in the past.
pub async fn publish_show(
    pool: &PgPool,
    reseller: Uuid,
    show: &str,
    request: &RequestId,
) -> Result<(), CatalogError> {
    let mut tx = pool.begin().await?;
    let draft = locked(&mut tx, reseller, show).await?;
    if draft.published_at.is_some() {
        return Err(CatalogError::AlreadyPublished);
    }
    if draft.starts_at <= Utc::now() {
        let why = "The show starts in the past. Change when it starts, then publish it.";
        return Err(CatalogError::NotPublishable(why.to_owned()));
    }
    if !allotment::of_show(&mut *tx, show).await?.iter().any(|one| one.allotted > 0) {
        let why = "There is nothing to sell. Add a ticket type and say how many there are, then \
            publish the show.";
        return Err(CatalogError::NotPublishable(why.to_owned()));
    }
    store::publish(&mut tx, reseller, show).await?;
    allotment::want_all(&mut tx, show).await?;
    let published =
        CatalogEvent::ShowPublished { show: show.to_owned(), on_sale_at: draft.on_sale_at };
    let stock = allotment::of_show(&mut *tx, show).await?;
    let events: Vec<_> = std::iter::once(published)
        .chain(stock.iter().map(crate::allotment::Allotment::event))
        .collect();
    outbox::add(&mut tx, &events, request).await?;
    Ok(tx.commit().await?)
}
