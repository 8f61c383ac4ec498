//! Shows with what belongs to them: venue, performer, ticket types.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    money::{Currency, Money},
    seller::{ResellerId, Seller},
    show::{ListedShow, NewShow, Show, ShowEntry, ShowId, cursor::ShowCursor},
    stop::Stop,
    store::sale::facts_of,
    ticket_type::{NewTicketType, TicketType, TicketTypeId},
    venue::Venue,
};

/// Names under this give the same ids in every installation.
const IDS: Uuid = Uuid::from_u128(0x6a1f_0c52_9d37_4b8e_a4c1_3e58_72d9_05bb);

struct ShowRow {
    show: ShowId,
    title: String,
    performer: String,
    genre: String,
    description: String,
    venue: String,
    city: String,
    country: String,
    address: String,
    time_zone: String,
    doors_at: DateTime<Utc>,
    starts_at: DateTime<Utc>,
    on_sale_at: DateTime<Utc>,
    high_traffic: bool,
}

impl From<ShowRow> for Show {
    fn from(row: ShowRow) -> Self {
        Self {
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
        }
    }
}

/// A ticket type as stored.
pub struct TicketTypeRow {
    pub ticket_type: TicketTypeId,
    pub name: String,
    pub description: String,
    pub price_minor: i64,
    pub currency: Currency,
    pub per_order_max: i32,
}

impl From<TicketTypeRow> for TicketType {
    fn from(row: TicketTypeRow) -> Self {
        Self {
            ticket_type: row.ticket_type,
            name: row.name,
            description: row.description,
            price: Money::new(row.price_minor, row.currency),
            per_order_max: row.per_order_max,
        }
    }
}

/// The published shows among `ids`, soonest first.
pub async fn shows(pool: &PgPool, ids: &[ShowId]) -> sqlx::Result<Vec<Show>> {
    let rows = sqlx::query_as!(
        ShowRow,
        r#"SELECT s.show AS "show: ShowId", s.title, p.name AS performer, s.genre, s.description,
                  v.name AS venue, v.city, v.country, v.address, v.time_zone, s.doors_at,
                  s.starts_at, s.on_sale_at, s.high_traffic
           FROM catalog.shows s
           JOIN catalog.performers p USING (performer_id)
           JOIN catalog.venues v USING (venue_id)
           WHERE s.show = ANY($1) AND s.published_at IS NOT NULL
           ORDER BY s.starts_at, s.show"#,
        ids as &[ShowId]
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Show::from).collect())
}

/// One published show, or `None` where the id is unknown or the show is a draft.
pub async fn show(pool: &PgPool, show: &ShowId) -> sqlx::Result<Option<Show>> {
    Ok(shows(pool, std::slice::from_ref(show)).await?.pop())
}

/// Who sells a show, or `None` where it is unknown.
pub async fn seller(pool: &PgPool, show: &ShowId) -> sqlx::Result<Option<Seller>> {
    sqlx::query_as!(
        Seller,
        r#"SELECT reseller AS "reseller: ResellerId", published_at IS NOT NULL AS "published!", high_traffic FROM catalog.shows WHERE show = $1"#,
        &**show
    )
    .fetch_optional(pool)
    .await
}

/// Marks a show as sold through a waiting room, or not, within the caller's transaction. Gives what
/// it was before, or `None` where the show is unknown.
pub async fn set_high_traffic(
    connection: &mut PgConnection,
    show: &ShowId,
    value: bool,
) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        "UPDATE catalog.shows s SET high_traffic = $2
         FROM (SELECT show, high_traffic FROM catalog.shows WHERE show = $1 FOR UPDATE) before
         WHERE s.show = before.show
         RETURNING before.high_traffic",
        &**show,
        value
    )
    .fetch_optional(connection)
    .await
}

/// Ends a show's sale for good, within the caller's transaction: its page says so and leads to no
/// line any more. A show that is not in the catalog is left alone.
pub async fn end_sale(connection: &mut PgConnection, show: &ShowId) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE catalog.shows SET sale_ended_at = coalesce(sale_ended_at, now()) WHERE show = $1",
        &**show
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes whether a show's line has opened, within the caller's transaction. A show that is not in
/// the catalog is left alone.
pub async fn tell_line(
    connection: &mut PgConnection,
    show: &ShowId,
    opened: bool,
) -> sqlx::Result<()> {
    sqlx::query!("UPDATE catalog.shows SET line_opened = $2 WHERE show = $1", &**show, opened)
        .execute(connection)
        .await?;
    Ok(())
}

/// Up to `limit` shows by their ids, from behind the text `after`, which need be no show's id:
/// everybody's, drafts and unlisted ones too.
pub async fn all_shows(
    pool: &PgPool,
    after: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<ShowEntry>> {
    let rows = sqlx::query!(
        r#"SELECT s.show AS "show: ShowId", s.title, s.reseller, s.published_at, s.high_traffic,
                  s.on_sale_at, s.starts_at, v.name AS venue, v.city, v.time_zone,
                  s.withdrawn_at IS NOT NULL AS "withdrawn!",
                  EXISTS (SELECT FROM catalog.stopped_resellers o WHERE o.reseller = s.reseller) AS "suspended!"
           FROM catalog.shows s JOIN catalog.venues v USING (venue_id)
           WHERE $1::text IS NULL OR s.show > $1
           ORDER BY s.show LIMIT $2"#,
        after,
        limit
    )
    .fetch_all(pool)
    .await?;
    let entries = rows.into_iter().map(|row| ShowEntry {
        stop: match (row.withdrawn, row.suspended) {
            (true, _) => Some(Stop::Withdrawn),
            (false, true) => Some(Stop::Suspended),
            (false, false) => None,
        },
        show: row.show,
        title: row.title,
        reseller: row.reseller.map(Into::into),
        published_at: row.published_at,
        high_traffic: row.high_traffic,
        on_sale_at: row.on_sale_at,
        starts_at: row.starts_at,
        venue: row.venue,
        city: row.city,
        time_zone: row.time_zone,
    });
    Ok(entries.collect())
}

/// Up to `limit` listed shows that have not begun and whose sale nothing stops, soonest first, from
/// behind `after`.
pub async fn listed(
    pool: &PgPool,
    after: Option<&ShowCursor>,
    limit: i64,
) -> sqlx::Result<Vec<ListedShow>> {
    let rows = sqlx::query!(
        r#"SELECT s.show AS "show: ShowId", lowest.price_minor AS "price_minor?",
                  lowest.currency AS "currency?: Currency"
           FROM catalog.shows s
           LEFT JOIN LATERAL (
               SELECT t.price_minor, t.currency FROM catalog.ticket_types t WHERE t.show = s.show
               ORDER BY t.price_minor, t.currency LIMIT 1
           ) lowest ON true
           WHERE s.listed AND s.published_at IS NOT NULL AND s.starts_at > now() AND s.withdrawn_at IS NULL
             AND NOT EXISTS (SELECT FROM catalog.stopped_resellers o WHERE o.reseller = s.reseller)
             AND ($1::timestamptz IS NULL OR (s.starts_at, s.show) > ($1, $2))
           ORDER BY s.starts_at, s.show
           LIMIT $3"#,
        after.map(|cursor| cursor.starts_at),
        after.map(ShowCursor::text),
        limit
    )
    .fetch_all(pool)
    .await?;
    let ids: Vec<ShowId> = rows.iter().map(|row| row.show.clone()).collect();
    let prices = rows
        .into_iter()
        .filter_map(|row| Some((row.show, Money::new(row.price_minor?, row.currency?))));
    let mut prices: std::collections::HashMap<_, _> = prices.collect();
    let (facts, now) = (facts_of(pool, &ids).await?, Utc::now());
    let listed = shows(pool, &ids).await?.into_iter().filter_map(|show| {
        let from_price = prices.remove(&show.show);
        let sale = facts.get(&show.show)?.state(now);
        Some(ListedShow { show, from_price, sale })
    });
    Ok(listed.collect())
}

/// A published show's ticket types, in the order they are offered; none for a draft.
pub async fn ticket_types(pool: &PgPool, show: &ShowId) -> sqlx::Result<Vec<TicketType>> {
    let rows = sqlx::query_as!(
        TicketTypeRow,
        r#"SELECT t.ticket_type, t.name, t.description, t.price_minor,
                  t.currency AS "currency: Currency", t.per_order_max
           FROM catalog.ticket_types t JOIN catalog.shows s USING (show)
           WHERE t.show = $1 AND s.published_at IS NOT NULL
           ORDER BY t.position, t.name"#,
        &**show
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(TicketType::from).collect())
}

/// Puts a show with its venue, performer and ticket types into the catalog, and gives the ticket
/// types with their ids. Venue, performer and ticket-type ids are derived from their names (UUID
/// v5), so putting the same show twice changes nothing. A ticket type that is left out stays:
/// orders may name it. A show put so is the house's, and published.
///
/// # Errors
/// A value that breaks a named constraint (`shows_slug_form`, `ticket_types_currency_is_iso`, …), a
/// show that a reseller sells, or no database.
pub async fn put_show(pool: &PgPool, show: &NewShow) -> sqlx::Result<Vec<TicketType>> {
    let mut tx = pool.begin().await?;
    let venue_id = put_venue(&mut tx, &show.venue).await?;
    let performer_id = performer(&mut tx, &show.performer).await?;
    let put = sqlx::query!(
        "INSERT INTO catalog.shows
             (show, title, performer_id, genre, venue_id, description, doors_at, starts_at, \
             on_sale_at, high_traffic,
              listed, published_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now())
         ON CONFLICT (show) DO UPDATE SET
             title = excluded.title, performer_id = excluded.performer_id, genre = excluded.genre,
             venue_id = excluded.venue_id, description = excluded.description, doors_at = \
             excluded.doors_at,
             starts_at = excluded.starts_at, on_sale_at = excluded.on_sale_at,
             high_traffic = excluded.high_traffic, listed = excluded.listed,
             published_at = coalesce(shows.published_at, now())
         WHERE shows.reseller IS NULL",
        &*show.show,
        show.title,
        performer_id,
        show.genre,
        venue_id,
        show.description,
        show.doors_at,
        show.starts_at,
        show.on_sale_at,
        show.high_traffic,
        show.listed
    )
    .execute(&mut *tx)
    .await?;
    if put.rows_affected() == 0 {
        return Err(sqlx::Error::Protocol(format!(
            "show {} is a reseller's; choose another id",
            show.show
        )));
    }
    for (position, ticket_type) in (0..).zip(&show.ticket_types) {
        put_ticket_type(&mut tx, &show.show, ticket_type, position).await?;
    }
    tx.commit().await?;
    ticket_types(pool, &show.show).await
}

async fn put_venue(connection: &mut PgConnection, venue: &Venue) -> sqlx::Result<Uuid> {
    let id = id(&["venue", &venue.country, &venue.city, &venue.name]);
    sqlx::query!(
        "INSERT INTO catalog.venues (venue_id, name, city, country, address, time_zone) VALUES \
            ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (venue_id) DO UPDATE SET address = excluded.address, time_zone = \
         excluded.time_zone",
        id,
        venue.name,
        venue.city,
        venue.country,
        venue.address,
        venue.time_zone
    )
    .execute(connection)
    .await?;
    Ok(id)
}

/// Adds a performer by name, unless they are known. They are everybody's, so there is nothing to
/// them but the name.
pub async fn performer(connection: &mut PgConnection, name: &str) -> sqlx::Result<Uuid> {
    let id = id(&["performer", name]);
    sqlx::query!(
        "INSERT INTO catalog.performers (performer_id, name) VALUES ($1, $2) ON CONFLICT DO \
            NOTHING",
        id,
        name
    )
    .execute(connection)
    .await?;
    Ok(id)
}

async fn put_ticket_type(
    connection: &mut PgConnection,
    show: &ShowId,
    ticket_type: &NewTicketType,
    position: i32,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO catalog.ticket_types
             (ticket_type, show, name, description, price_minor, currency, per_order_max, position)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (ticket_type) DO UPDATE SET
             description = excluded.description, price_minor = excluded.price_minor, currency = \
             excluded.currency,
             per_order_max = excluded.per_order_max, position = excluded.position",
        id(&["ticket-type", show, &ticket_type.name]),
        &**show,
        ticket_type.name,
        ticket_type.description,
        ticket_type.price.minor,
        ticket_type.price.currency.as_str(),
        ticket_type.per_order_max,
        position
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Derived from names. The separator cannot be part of one, so that no two lists of names give one
/// id.
fn id(names: &[&str]) -> Uuid {
    Uuid::new_v5(&IDS, names.join("\u{0}").as_bytes())
}
