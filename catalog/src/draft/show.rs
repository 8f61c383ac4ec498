//! A reseller's shows: creating, changing and publishing them.

use chrono::{DateTime, Utc};
use kit::http::RequestId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    allotment::Allotment,
    draft::{ResellerShow, ShowDraft, check},
    error::CatalogError,
    event::CatalogEvent,
    seller::ResellerId,
    show::{ShowId, cursor::ShowCursor, slug},
    store::{allotment, draft as store, draft::LockedShow, outbox},
};

/// After so many shows of the same name, ids get random endings.
const NUMBERED_MAX: u32 = 20;

/// A reseller's shows, soonest first, drafts too.
pub async fn reseller_shows(
    pool: &PgPool,
    reseller: ResellerId,
) -> sqlx::Result<Vec<ResellerShow>> {
    store::shows(pool, reseller, None).await
}

/// Up to `limit` of a reseller's shows, soonest first, drafts too, from behind `after`; and where
/// the next page begins, which is `None` on the last.
pub async fn reseller_shows_page(
    pool: &PgPool,
    reseller: ResellerId,
    after: Option<&ShowCursor>,
    limit: u16,
) -> sqlx::Result<(Vec<ResellerShow>, Option<ShowCursor>)> {
    let limit = usize::from(limit.max(1));
    let mut shows = store::shows_page(pool, reseller, after, limit as i64 + 1).await?;
    let more = shows.len() > limit;
    shows.truncate(limit);
    let next = shows.last().filter(|_| more).map(|last| ShowCursor::behind(&last.show));
    Ok((shows, next))
}

/// One of a reseller's shows, or `None` where there is no such show or it is another's.
pub async fn reseller_show(
    pool: &PgPool,
    reseller: ResellerId,
    show: &ShowId,
) -> sqlx::Result<Option<ResellerShow>> {
    Ok(store::shows(pool, reseller, Some(show)).await?.pop())
}

/// Adds a draft and gives its id, a slug made from performer and title.
///
/// # Errors
/// [`CatalogError::Field`], with the name of the draft's field.
pub async fn create_show(
    pool: &PgPool,
    reseller: ResellerId,
    draft: &ShowDraft,
) -> Result<ShowId, CatalogError> {
    let draft = check::draft(draft)?;
    let mut tx = pool.begin().await?;
    has_venue(&mut tx, reseller, &draft).await?;
    let base = slug::of_words(&draft.performer, &draft.title);
    let numbered = (2..=NUMBERED_MAX).map(|number| slug::with_suffix(&base, &number.to_string()));
    let random = slug::with_suffix(&base, &Uuid::new_v4().simple().to_string()[..8]);
    for slug in std::iter::once(base.clone()).chain(numbered).chain([random]) {
        // Whatever they are called, a slug is made of it.
        let show = ShowId::try_from(slug)
            .map_err(|invalid| CatalogError::field("title", invalid.to_string()))?;
        if store::insert_show(&mut tx, reseller, &show, &draft).await? {
            tx.commit().await?;
            return Ok(show);
        }
    }
    Err(CatalogError::field("title", "is taken too often; choose another title"))
}

/// Whether the draft's venue is the reseller's.
async fn has_venue(
    tx: &mut PgConnection,
    reseller: ResellerId,
    draft: &ShowDraft,
) -> Result<(), CatalogError> {
    if store::has_venue(tx, reseller, draft.venue).await? {
        Ok(())
    } else {
        Err(CatalogError::field("venue", "must be one of your venues"))
    }
}

/// Locks a show of this reseller's that may still change.
pub async fn locked(
    tx: &mut PgConnection,
    reseller: ResellerId,
    show: &ShowId,
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
    reseller: ResellerId,
    show: &ShowId,
    draft: &ShowDraft,
) -> Result<(), CatalogError> {
    let draft = check::draft(draft)?;
    let mut tx = pool.begin().await?;
    let before = locked(&mut tx, reseller, show).await?;
    may_move(&before, &draft, Utc::now())?;
    has_venue(&mut tx, reseller, &draft).await?;
    store::update_show(&mut tx, reseller, show, &draft).await?;
    if before.published_at.is_some() && before.on_sale_at != draft.on_sale_at {
        let moved =
            CatalogEvent::ShowPublished { show: show.clone(), on_sale_at: draft.on_sale_at };
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

/// Publishes a draft: fans see it, its room is made and its stock put on sale.
///
/// # Errors
/// [`CatalogError::NotFound`], [`CatalogError::Withdrawn`], [`CatalogError::AlreadyPublished`], or
/// [`CatalogError::NotPublishable`] where nothing is allotted or the show lies in the past.
pub async fn publish_show(
    pool: &PgPool,
    reseller: ResellerId,
    show: &ShowId,
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
    if !allotment::allotments(&mut *tx, show).await?.iter().any(|one| one.allotted > 0) {
        let why = "There is nothing to sell. Add a ticket type and say how many there are, then \
            publish the show.";
        return Err(CatalogError::NotPublishable(why.to_owned()));
    }
    store::publish(&mut tx, reseller, show).await?;
    allotment::want_all(&mut tx, show).await?;
    let published =
        CatalogEvent::ShowPublished { show: show.clone(), on_sale_at: draft.on_sale_at };
    let stock = allotment::allotments(&mut *tx, show).await?;
    let events: Vec<_> =
        std::iter::once(published).chain(stock.iter().map(Allotment::event)).collect();
    outbox::add(&mut tx, &events, request).await?;
    Ok(tx.commit().await?)
}
