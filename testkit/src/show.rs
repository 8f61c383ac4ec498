//! Shows to test with.

use catalog::contract::{
    Money, NewShow, NewTicketType, ShowId, TicketType, Venue, change_allotment, create_show,
    publish_show, put_show, put_ticket_type, put_venue, set_high_traffic, ticket_types,
};
use chrono::{DateTime, Utc};
use kit::http::RequestId;
use sqlx::PgPool;
use uuid::Uuid;

use crate::id;

/// A show of the house, or of a reseller: listed, on sale for an hour, 30 days from now, without
/// ticket types.
#[derive(Debug, Clone)]
pub struct ShowBuilder {
    pub show: NewShow,
    /// Tickets and shards of each type; `None` where checkout knows of no stock.
    stock: Vec<Option<(i32, i32)>>,
}

impl ShowBuilder {
    pub fn new(show: &str) -> Self {
        let starts_at = Utc::now() + chrono::Duration::days(30);
        let show = NewShow {
            show: id(show),
            title: "Harbour Lights".to_owned(),
            performer: "Mira Vale".to_owned(),
            genre: "Folk".to_owned(),
            description: String::new(),
            venue: Venue {
                name: "Pier Hall".to_owned(),
                city: "Hamburg".to_owned(),
                country: "DE".to_owned(),
                address: "Kai 3".to_owned(),
                time_zone: "Europe/Berlin".to_owned(),
            },
            doors_at: starts_at - chrono::Duration::hours(1),
            starts_at,
            on_sale_at: Utc::now() - chrono::Duration::hours(1),
            high_traffic: true,
            listed: true,
            ticket_types: Vec::new(),
        };
        Self { show, stock: Vec::new() }
    }

    pub fn title(mut self, title: &str) -> Self {
        title.clone_into(&mut self.show.title);
        self
    }

    /// Doors open an hour before.
    pub fn starts_at(mut self, starts_at: DateTime<Utc>) -> Self {
        self.show.doors_at = starts_at - chrono::Duration::hours(1);
        self.show.starts_at = starts_at;
        self
    }

    pub fn on_sale_at(mut self, on_sale_at: DateTime<Utc>) -> Self {
        self.show.on_sale_at = on_sale_at;
        self
    }

    /// What is not said by a call of its own.
    pub fn with(mut self, change: impl FnOnce(&mut NewShow)) -> Self {
        change(&mut self.show);
        self
    }

    /// A ticket type in euros, up to four in an order, whose stock checkout does not know.
    pub fn ticket_type(mut self, name: &str, price_minor: i64) -> Self {
        self.show.ticket_types.push(NewTicketType {
            name: name.to_owned(),
            description: String::new(),
            price: Money::new(price_minor, id("EUR")),
            per_order_max: 4,
        });
        self.stock.push(None);
        self
    }

    /// So many tickets of the type that was added last, in so many shards.
    pub fn stock(mut self, tickets: i32, shards: i32) -> Self {
        *self.stock.last_mut().expect("a ticket type") = Some((tickets, shards));
        self
    }

    /// Puts the show into the catalog alone; again to change it.
    pub async fn put_in_catalog(&self, pool: &PgPool) -> Vec<TicketType> {
        put_show(pool, &self.show).await.expect("a show")
    }

    /// Puts the show into the catalog, and its stock into checkout.
    pub async fn put(&self, pool: &PgPool) -> Vec<TicketType> {
        let types = self.put_in_catalog(pool).await;
        self.put_stock(pool, &types).await;
        types
    }

    /// The same as a published show of a reseller's. The catalog names it: after performer and
    /// title, and after venue and ticket types as resellers put them.
    pub async fn put_for(&self, pool: &PgPool, reseller: Uuid) -> (ShowId, Vec<TicketType>) {
        let show = self.draft_for(pool, reseller).await;
        publish_show(pool, reseller.into(), &show, &RequestId::fresh()).await.expect("published");
        let mut connection = pool.acquire().await.expect("a connection");
        set_high_traffic(&mut connection, &show, self.show.high_traffic).await.expect("marked");
        let types = ticket_types(pool, &show).await.expect("ticket types");
        let named =
            Self { show: NewShow { show: show.clone(), ..self.show.clone() }, ..self.clone() };
        named.put_stock(pool, &types).await;
        (show, types)
    }

    /// The same as a draft of a reseller's, which fans do not see.
    pub async fn draft_for(&self, pool: &PgPool, reseller: Uuid) -> ShowId {
        let venue =
            put_venue(pool, reseller.into(), None, &self.show.venue).await.expect("a venue");
        let NewShow { title, performer, genre, description, .. } = self.show.clone();
        let NewShow { doors_at, starts_at, on_sale_at, .. } = self.show;
        let draft = catalog::contract::ShowDraft {
            title,
            performer,
            genre,
            description,
            venue,
            doors_at,
            starts_at,
            on_sale_at,
        };
        let show = create_show(pool, reseller.into(), &draft).await.expect("a draft");
        for (new, stock) in self.show.ticket_types.iter().zip(&self.stock) {
            let id =
                put_ticket_type(pool, reseller.into(), &show, None, new).await.expect("a type");
            let (tickets, _) = stock.unwrap_or((1, 1));
            let request = RequestId::fresh();
            change_allotment(pool, reseller.into(), &show, id, tickets, &request)
                .await
                .expect("tickets");
        }
        show
    }

    async fn put_stock(&self, pool: &PgPool, types: &[TicketType]) {
        for (ticket_type, stock) in types.iter().zip(&self.stock) {
            if let Some((tickets, shards)) = *stock {
                let (show, id) = (&self.show.show, ticket_type.ticket_type);
                ::checkout::contract::put_stock(pool, show, id, tickets, Some(shards))
                    .await
                    .expect("stock");
            }
        }
    }
}
