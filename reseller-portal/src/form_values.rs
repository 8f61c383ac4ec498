//! What people type into forms: amounts of money. Pure.

use catalog::contract::{Currency, Money};
use chrono_tz::Tz;

/// A zone we do not know counts as UTC.
pub fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

/// An amount such as `45`, `45.5` or `1250,00` of a currency. `None` for what is no such amount,
/// has more decimals than the currency, or is beyond any price.
pub fn money(text: &str, currency: Currency) -> Option<Money> {
    let text = text.trim().replace(',', ".");
    let (whole, part) = text.split_once('.').unwrap_or((text.as_str(), ""));
    let nothing = Money::new(0, currency).decimal();
    let decimals = nothing.split_once('.').map_or(0, |(_, part)| part.len());
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 9
        || part.len() > decimals
        || !digits(whole)
        || !digits(part)
    {
        return None;
    }
    let minor = format!("{whole}{part:0<decimals$}").parse().ok()?;
    Some(Money::new(minor, currency))
}

#[cfg(test)]
mod tests {
    #[test]
    fn amounts_are_read_to_the_cent_or_not_at_all() {
        let money = |text, currency: &str| {
            super::money(text, currency.parse().expect("a currency")).map(|money| money.minor)
        };
        assert_eq!(money("45", "EUR"), Some(4_500));
        assert_eq!(money(" 45,5 ", "EUR"), Some(4_550));
        assert_eq!(money("0.05", "GBP"), Some(5));
        assert_eq!(money("9800", "JPY"), Some(9_800));
        assert_eq!(money("1.234", "KWD"), Some(1_234));
        for bad in ["", "-1", "1.234", "1e9", "9800000000", "1.2.3", "€5", "."] {
            assert_eq!(money(bad, "EUR"), None, "{bad}");
        }
    }
}
