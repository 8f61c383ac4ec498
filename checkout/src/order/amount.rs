//! Money as records have it: the fields `amount_minor` and `currency` among the others, by
//! `#[serde(flatten, with = "amount")]`.

use catalog::contract::{Currency, Money};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
struct Fields {
    amount_minor: i64,
    currency: Currency,
}

pub fn serialize<S: Serializer>(money: &Money, serializer: S) -> Result<S::Ok, S::Error> {
    Fields { amount_minor: money.minor, currency: money.currency }.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
    let Fields { amount_minor, currency } = Fields::deserialize(deserializer)?;
    Ok(Money::new(amount_minor, currency))
}

#[cfg(test)]
mod tests {
    use crate::order::event::OrderEvent;

    #[test]
    fn records_have_the_amount_and_its_currency_side_by_side() {
        let record = concat!(
            r#"{"type":"order_paid.v1","order":"0190163d-8694-739b-aea5-966c26f8ad91","#,
            r#""show":"gala","amount_minor":8500,"currency":"EUR","at":"2026-11-21T19:00:00Z"}"#
        );
        let event: OrderEvent = serde_json::from_str(record).expect("an event");
        assert_eq!(event.data().amount.to_string(), "€85.00");
        assert_eq!(serde_json::to_string(&event).expect("JSON"), record);
    }
}
