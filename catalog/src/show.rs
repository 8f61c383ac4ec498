//! A show, as fans, sellers and admins see it.

pub mod cursor;
pub mod listing;
pub mod slug;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    money::Money,
    sale::SaleState,
    seller::ResellerId,
    stop::Stop,
    ticket_type::{NewTicketType, OfferedType},
    venue::Venue,
};

kit::slug_id!(
    "show's id",
    /// A show: `mira-vale-harbour-lights`.
    ShowId
);

/// A show as fans see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Show {
    /// The public id, a slug: lower-case letters, digits and `-`, 63 characters at most.
    pub show: ShowId,
    pub title: String,
    pub performer: String,
    pub genre: String,
    pub description: String,
    pub venue: Venue,
    pub doors_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    /// From when tickets can be bought.
    pub on_sale_at: DateTime<Utc>,
    /// Sold through a waiting room.
    pub high_traffic: bool,
}

/// A show in the list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ListedShow {
    #[serde(flatten)]
    pub show: Show,
    /// The lowest price. Absent while there are no ticket types.
    #[serde(flatten, serialize_with = "from_price::serialize")]
    #[schema(value_type = from_price::FromPriceFields)]
    pub from_price: Option<Money>,
    /// How its sale stands, a second or two ago at most.
    pub sale: SaleState,
}

/// The lowest price as JSON has it: the fields `from_price_minor` and `currency` among the others.
mod from_price {
    use serde::{Serialize, Serializer};
    use utoipa::ToSchema;

    use crate::money::{Currency, Money};

    #[derive(Serialize, ToSchema)]
    pub struct FromPriceFields {
        /// The lowest price, in the currency's minor unit. Absent while there are no ticket types.
        from_price_minor: Option<i64>,
        /// ISO 4217.
        #[schema(value_type = Option<String>)]
        currency: Option<Currency>,
    }

    pub fn serialize<S: Serializer>(
        price: &Option<Money>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let fields = FromPriceFields {
            from_price_minor: price.map(|price| price.minor),
            currency: price.map(|price| price.currency),
        };
        fields.serialize(serializer)
    }
}

/// One page of the list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShowPage {
    pub shows: Vec<ListedShow>,
    /// Send it as `after` for the next page. Absent on the last one.
    pub next: Option<String>,
}

/// A show with what can be bought for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShowDetails {
    #[serde(flatten)]
    pub show: Show,
    /// In the order they are offered.
    pub ticket_types: Vec<OfferedType>,
    /// How its sale stands, a second or two ago at most.
    pub sale: SaleState,
    /// When the sale ended before the show began; absent while it has not.
    pub sale_ended_at: Option<DateTime<Utc>>,
    /// Why nothing of it is sold; absent where nothing stops it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
}

/// What it takes to put a show into the catalog. Putting the same show again changes it.
#[derive(Debug, Clone, Deserialize)]
pub struct NewShow {
    pub show: ShowId,
    pub title: String,
    pub performer: String,
    pub genre: String,
    pub description: String,
    pub venue: Venue,
    pub doors_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    pub on_sale_at: DateTime<Utc>,
    pub high_traffic: bool,
    pub listed: bool,
    pub ticket_types: Vec<NewTicketType>,
}

/// A show as admins see it: of whoever sells it, drafts and unlisted ones too.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShowEntry {
    pub show: ShowId,
    pub title: String,
    /// Who sells it; `None` is the house.
    pub reseller: Option<ResellerId>,
    /// `None` for a draft.
    pub published_at: Option<DateTime<Utc>>,
    /// Why nothing of it is sold; `None` where nothing stops it.
    pub stop: Option<Stop>,
    pub high_traffic: bool,
    pub on_sale_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    pub venue: String,
    pub city: String,
    /// IANA name, of the venue.
    pub time_zone: String,
}
