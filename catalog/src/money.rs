//! Amounts of money. Pure.

pub mod price;
pub mod price_fields;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A currency: three capital letters of ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// A text that is no currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is three capital letters (ISO 4217)")]
pub struct InvalidCurrency;

impl Currency {
    pub fn as_str(&self) -> &str {
        // Only capital ASCII letters get in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if letters.iter().all(u8::is_ascii_uppercase) {
            Ok(Self(letters))
        } else {
            Err(InvalidCurrency)
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;

    fn try_from(text: String) -> Result<Self, InvalidCurrency> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl sqlx::Type<sqlx::Postgres> for Currency {
    fn type_info() -> sqlx::postgres::PgTypeInfo {
        <String as sqlx::Type<sqlx::Postgres>>::type_info()
    }

    fn compatible(ty: &sqlx::postgres::PgTypeInfo) -> bool {
        <String as sqlx::Type<sqlx::Postgres>>::compatible(ty)
    }
}

impl<'r> sqlx::Decode<'r, sqlx::Postgres> for Currency {
    fn decode(value: sqlx::postgres::PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        Ok(<&str as sqlx::Decode<sqlx::Postgres>>::decode(value)?.parse()?)
    }
}

impl sqlx::Encode<'_, sqlx::Postgres> for Currency {
    fn encode_by_ref(
        &self,
        buffer: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        <&str as sqlx::Encode<sqlx::Postgres>>::encode_by_ref(&self.as_str(), buffer)
    }
}

/// An amount of one currency. `Display` writes it as people read it in English.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// In the currency's minor unit (cents); may be less than nothing.
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// So many times as much; `None` where that is more than can be counted.
    pub fn times(self, quantity: i64) -> Option<Self> {
        Some(Self { minor: self.minor.checked_mul(quantity)?, ..self })
    }

    /// Both together; `None` where the currencies differ or it is more than can be counted.
    pub fn plus(self, other: Self) -> Option<Self> {
        let minor = self.minor.checked_add(other.minor)?;
        (self.currency == other.currency).then_some(Self { minor, ..self })
    }

    /// The plain decimal number that machines read: `85.00`.
    pub fn decimal(self) -> String {
        price::decimal(self.minor, self.currency.as_str())
    }

    /// As whoever reads `language` (BCP 47) writes it.
    pub fn in_language(self, language: &str) -> String {
        price::format_in(self.minor, self.currency.as_str(), language)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&price::format(self.minor, self.currency.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_not_mixed_up_and_not_lost() {
        let euro: Currency = "EUR".parse().expect("a currency");
        let pound: Currency = "GBP".parse().expect("a currency");
        let price = Money::new(8_500, euro);
        assert_eq!(price.to_string(), "€85.00");
        assert_eq!(price.in_language("de"), "85,00\u{a0}€");
        assert_eq!(price.decimal(), "85.00");
        assert_eq!(price.times(3), Some(Money::new(25_500, euro)));
        assert_eq!(price.plus(price), price.times(2));
        assert_eq!(price.plus(Money::new(1, pound)), None);
        assert_eq!(Money::new(i64::MAX, euro).times(2), None);
        for not_one in ["", "eur", "EURO", "€", "E1R"] {
            assert_eq!(not_one.parse::<Currency>(), Err(InvalidCurrency), "{not_one}");
        }
    }
}
