//! What resellers own. Every statement says whose it is.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::show::TicketTypeRow;
use crate::{
    allotment::Allotment,
    draft::{ResellerShow, ResellerTicketType, ShowDraft},
    money::{Currency, Money},
    seller::ResellerId,
    show::{Show, ShowId, cursor::ShowCursor},
    ticket_type::{NewTicketType, TicketType, TicketTypeId},
    venue::{ResellerVenue, Venue},
};

pub async fn venues(pool: &PgPool, reseller: ResellerId) -> sqlx::Result<Vec<ResellerVenue>> {
    sqlx::query_as!(
        ResellerVenue,
        "SELECT venue_id AS venue, name, city, country, address, time_zone FROM catalog.venues
         WHERE reseller = $1 ORDER BY name, venue_id",
        reseller.uuid()
    )
    .fetch_all(pool)
    .await
}

/// Inserts a venue, or changes the reseller's one with this id; `false` where the id is another's.
pub async fn put_venue(
    pool: &PgPool,
    reseller: ResellerId,
    id: Uuid,
    is_new: bool,
    venue: &Venue,
) -> sqlx::Result<bool> {
    let done = if is_new {
        sqlx::query!(
            "INSERT INTO catalog.venues (venue_id, reseller, name, city, country, address, \
                time_zone)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            id,
            reseller.uuid(),
            venue.name,
            venue.city,
            venue.country,
            venue.address,
            venue.time_zone
        )
        .execute(pool)
        .await?
    } else {
        sqlx::query!(
            "UPDATE catalog.venues SET name = $3, city = $4, country = $5, address = $6, time_zone \
                = $7
             WHERE venue_id = $1 AND reseller = $2",
            id,
            reseller.uuid(),
            venue.name,
            venue.city,
            venue.country,
            venue.address,
            venue.time_zone
        )
        .execute(pool)
        .await?
    };
    Ok(done.rows_affected() == 1)
}

pub async fn has_venue(
    connection: &mut PgConnection,
    reseller: ResellerId,
    venue: Uuid,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM catalog.venues WHERE venue_id = $1 AND reseller = $2) AS "has!""#,
        venue,
        reseller.uuid()
    )
    .fetch_one(connection)
    .await
}

/// The reseller's shows, soonest first; only `show` where one is named.
pub async fn shows(
    pool: &PgPool,
    reseller: ResellerId,
    show: Option<&ShowId>,
) -> sqlx::Result<Vec<ResellerShow>> {
    some_shows(pool, reseller, show, None, None).await
}

/// Up to `limit` of the reseller's shows, soonest first, from behind `after`.
pub async fn shows_page(
    pool: &PgPool,
    reseller: ResellerId,
    after: Option<&ShowCursor>,
    limit: i64,
) -> sqlx::Result<Vec<ResellerShow>> {
    some_shows(pool, reseller, None, after, Some(limit)).await
}

async fn some_shows(
    pool: &PgPool,
    reseller: ResellerId,
    show: Option<&ShowId>,
    after: Option<&ShowCursor>,
    limit: Option<i64>,
) -> sqlx::Result<Vec<ResellerShow>> {
    let rows = sqlx::query!(
        r#"SELECT s.show AS "show: ShowId", s.title, p.name AS performer, s.genre, s.description,
                  v.name AS venue, v.city, v.country, v.address, v.time_zone, s.doors_at,
                  s.starts_at, s.on_sale_at, s.high_traffic, s.venue_id, s.published_at,
                  s.withdrawn_at
           FROM catalog.shows s
           JOIN catalog.performers p USING (performer_id)
           JOIN catalog.venues v USING (venue_id)
           WHERE s.reseller = $1 AND ($2::text IS NULL OR s.show = $2)
               AND ($3::timestamptz IS NULL OR (s.starts_at, s.show) > ($3, $4))
           ORDER BY s.starts_at, s.show LIMIT $5"#,
        reseller.uuid(),
        show.map(ShowId::as_str),
        after.map(|cursor| cursor.starts_at),
        after.map(ShowCursor::text),
        limit
    )
    .fetch_all(pool)
    .await?;
    let shows = rows.into_iter().map(|row| ResellerShow {
        venue_id: row.venue_id,
        published_at: row.published_at,
        withdrawn_at: row.withdrawn_at,
        ticket_types: Vec::new(),
        show: Show {
            show: row.show,
            title: row.title,
            performer: row.performer,
            genre: row.genre,
            description: row.description,
            venue: Venue {
                name: row.venue,
                city: row.city,
                country: row.country,
                address: row.address,
                time_zone: row.time_zone,
            },
            doors_at: row.doors_at,
            starts_at: row.starts_at,
            on_sale_at: row.on_sale_at,
            high_traffic: row.high_traffic,
        },
    });
    let mut shows: Vec<ResellerShow> = shows.collect();
    let ids: Vec<ShowId> = shows.iter().map(|one| one.show.show.clone()).collect();
    for (show, ticket_type) in ticket_types(pool, &ids).await? {
        if let Some(owner) = shows.iter_mut().find(|one| one.show.show == show) {
            owner.ticket_types.push(ticket_type);
        }
    }
    Ok(shows)
}

/// The ticket types of these shows with their show, in the order they are offered.
async fn ticket_types(
    pool: &PgPool,
    shows: &[ShowId],
) -> sqlx::Result<Vec<(ShowId, ResellerTicketType)>> {
    let rows = sqlx::query!(
        r#"SELECT t.ticket_type, t.show AS "show: ShowId", t.name, t.description, t.price_minor,
                  t.currency AS "currency: Currency", t.per_order_max,
                  a.allotted AS "allotted?", a.wanted, a.revision AS "revision?", a.refusal,
                  a.changed_at AS "changed_at?"
           FROM catalog.ticket_types t LEFT JOIN catalog.allotments a USING (ticket_type)
           WHERE t.show = ANY($1) ORDER BY t.position, t.name"#,
        shows as &[ShowId]
    )
    .fetch_all(pool)
    .await?;
    let types = rows.into_iter().map(|row| {
        let allotment = match (row.allotted, row.revision, row.changed_at) {
            (Some(allotted), Some(revision), Some(changed_at)) => Some(Allotment {
                ticket_type: row.ticket_type.into(),
                show: row.show.clone(),
                allotted,
                wanted: row.wanted,
                revision,
                refusal: row.refusal,
                changed_at,
            }),
            _ => None,
        };
        let ticket_type = TicketType {
            ticket_type: row.ticket_type.into(),
            name: row.name,
            description: row.description,
            price: Money::new(row.price_minor, row.currency),
            per_order_max: row.per_order_max,
        };
        (row.show, ResellerTicketType { ticket_type, allotment })
    });
    Ok(types.collect())
}

/// A show whose row is locked until the transaction ends. It keeps a show's changes, and so its
/// events, one behind the other.
pub struct LockedShow {
    pub published_at: Option<DateTime<Utc>>,
    pub withdrawn_at: Option<DateTime<Utc>>,
    pub starts_at: DateTime<Utc>,
    pub on_sale_at: DateTime<Utc>,
}

/// Locks a show of this seller's; `None` is the house.
pub async fn lock_show(
    tx: &mut PgConnection,
    reseller: Option<ResellerId>,
    show: &ShowId,
) -> sqlx::Result<Option<LockedShow>> {
    sqlx::query_as!(
        LockedShow,
        "SELECT published_at, withdrawn_at, starts_at, on_sale_at FROM catalog.shows
         WHERE show = $1 AND reseller IS NOT DISTINCT FROM $2 FOR UPDATE",
        &**show,
        reseller.map(ResellerId::uuid)
    )
    .fetch_optional(tx)
    .await
}

/// Inserts a draft; `false` where its id is taken.
pub async fn insert_show(
    tx: &mut PgConnection,
    reseller: ResellerId,
    show: &ShowId,
    draft: &ShowDraft,
) -> sqlx::Result<bool> {
    let performer = super::show::performer(tx, &draft.performer).await?;
    let done = sqlx::query!(
        "INSERT INTO catalog.shows
             (show, reseller, title, performer_id, venue_id, description, doors_at, starts_at, \
             on_sale_at, genre)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (show) DO NOTHING",
        &**show,
        reseller.uuid(),
        draft.title,
        performer,
        draft.venue,
        draft.description,
        draft.doors_at,
        draft.starts_at,
        draft.on_sale_at,
        draft.genre
    )
    .execute(tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn update_show(
    tx: &mut PgConnection,
    reseller: ResellerId,
    show: &ShowId,
    draft: &ShowDraft,
) -> sqlx::Result<()> {
    let performer = super::show::performer(tx, &draft.performer).await?;
    sqlx::query!(
        "UPDATE catalog.shows SET title = $3, performer_id = $4, venue_id = $5, description = $6, \
            doors_at = $7,
             starts_at = $8, on_sale_at = $9, genre = $10
         WHERE show = $1 AND reseller = $2",
        &**show,
        reseller.uuid(),
        draft.title,
        performer,
        draft.venue,
        draft.description,
        draft.doors_at,
        draft.starts_at,
        draft.on_sale_at,
        draft.genre
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn publish(
    tx: &mut PgConnection,
    reseller: ResellerId,
    show: &ShowId,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE catalog.shows SET published_at = now() WHERE show = $1 AND reseller = $2",
        &**show,
        reseller.uuid()
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Locks a show, whoever sells it.
pub async fn lock_anybodys(
    tx: &mut PgConnection,
    show: &ShowId,
) -> sqlx::Result<Option<LockedShow>> {
    sqlx::query_as!(
        LockedShow,
        "SELECT published_at, withdrawn_at, starts_at, on_sale_at FROM catalog.shows WHERE show = \
            $1 FOR UPDATE",
        &**show
    )
    .fetch_optional(tx)
    .await
}

/// A locked show's ticket types, drafts' too.
pub async fn types_of(tx: &mut PgConnection, show: &ShowId) -> sqlx::Result<Vec<TicketType>> {
    let rows = sqlx::query_as!(
        TicketTypeRow,
        r#"SELECT ticket_type, name, description, price_minor,
                  currency AS "currency: Currency", per_order_max
           FROM catalog.ticket_types WHERE show = $1 ORDER BY position, name"#,
        &**show
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(TicketType::from).collect())
}

/// Adds a ticket type behind the others.
pub async fn insert_ticket_type(
    tx: &mut PgConnection,
    show: &ShowId,
    ticket_type: TicketTypeId,
    new: &NewTicketType,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO catalog.ticket_types
             (ticket_type, show, name, description, price_minor, currency, per_order_max, position)
         SELECT $1, $2, $3, $4, $5, $6, $7, coalesce(max(position) + 1, 0) FROM \
         catalog.ticket_types WHERE show = $2",
        ticket_type.uuid(),
        &**show,
        new.name,
        new.description,
        new.price.minor,
        new.price.currency.as_str(),
        new.per_order_max
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub async fn update_ticket_type(
    tx: &mut PgConnection,
    show: &ShowId,
    ticket_type: TicketTypeId,
    new: &NewTicketType,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE catalog.ticket_types
         SET name = $3, description = $4, price_minor = $5, currency = $6, per_order_max = $7
         WHERE ticket_type = $1 AND show = $2",
        ticket_type.uuid(),
        &**show,
        new.name,
        new.description,
        new.price.minor,
        new.price.currency.as_str(),
        new.per_order_max
    )
    .execute(tx)
    .await?;
    Ok(())
}
