//! A price as JSON has it: the fields `price_minor` and `currency` among the others, by
//! `#[serde(flatten, with = "price_fields")]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::{Currency, Money};

#[derive(Serialize, Deserialize, ToSchema)]
pub struct PriceFields {
    /// In the currency's minor unit (cents).
    price_minor: i64,
    /// ISO 4217.
    #[schema(value_type = String)]
    currency: Currency,
}

pub fn serialize<S: Serializer>(price: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    PriceFields { price_minor: price.minor, currency: price.currency }.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    let PriceFields { price_minor, currency } = PriceFields::deserialize(deserializer)?;
    Ok(Money::new(price_minor, currency))
}

#[cfg(test)]
mod tests {
    use crate::ticket_type::NewTicketType;

    #[test]
    fn a_price_and_its_currency_stand_side_by_side() {
        let text = r#"{"name":"Standing","price_minor":6900,"currency":"EUR","per_order_max":4}"#;
        let new: NewTicketType = serde_json::from_str(text).expect("a ticket type");
        assert_eq!(new.price.to_string(), "€69.00");
        let refused = text.replace("EUR", "eur");
        assert!(serde_json::from_str::<NewTicketType>(&refused).is_err(), "no currency");
    }
}
