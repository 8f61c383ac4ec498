//! Prices as people read them. Pure.

pub use kit::number::grouped;

/// Decimal places of a currency's minor unit (ISO 4217).
fn decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// The sign of a currency, where it means that one only.
fn sign(currency: &str) -> Option<&'static str> {
    Some(match currency {
        "EUR" => "€",
        "GBP" => "£",
        "USD" => "$",
        "JPY" => "¥",
        "KRW" => "₩",
        "INR" => "₹",
        _ => return None,
    })
}

/// How a language writes amounts (CLDR).
struct Style {
    /// Between groups of three digits.
    group: &'static str,
    /// Before the decimals.
    point: &'static str,
    /// The currency stands behind the number.
    behind: bool,
}

const ENGLISH: Style = Style { group: ",", point: ".", behind: false };
const GERMAN: Style = Style { group: ".", point: ",", behind: true };
const MACHINE: Style = Style { group: "", point: ".", behind: false };

/// `8_500` EUR (in cents) is `€85.00`.
pub fn format(minor: i64, currency: &str) -> String {
    format_in(minor, currency, "en")
}

/// The same for whoever reads `language` (BCP 47): `85,00 €` in German, as in English elsewhere.
/// The space does not break.
pub fn format_in(minor: i64, currency: &str, language: &str) -> String {
    let primary = language.split(['-', '_']).next().unwrap_or_default();
    let style = if primary.eq_ignore_ascii_case("de") { GERMAN } else { ENGLISH };
    let minus = if minor < 0 { "−" } else { "" };
    let amount = amount(minor.unsigned_abs(), decimals(currency), &style);
    match (sign(currency), style.behind) {
        (sign, true) => format!("{minus}{amount}\u{a0}{}", sign.unwrap_or(currency)),
        (Some(sign), false) => format!("{minus}{sign}{amount}"),
        (None, false) => format!("{minus}{currency}\u{a0}{amount}"),
    }
}

/// The plain decimal number that machines read: `85.00`.
pub fn decimal(minor: i64, currency: &str) -> String {
    let minus = if minor < 0 { "-" } else { "" };
    format!("{minus}{}", amount(minor.unsigned_abs(), decimals(currency), &MACHINE))
}

fn amount(minor: u64, decimals: u32, style: &Style) -> String {
    let unit = 10u64.pow(decimals);
    let whole = group(&(minor / unit).to_string(), style.group);
    let (point, part, width) = (style.point, minor % unit, decimals as usize);
    if decimals == 0 { whole } else { format!("{whole}{point}{part:0width$}") }
}

fn group(digits: &str, separator: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push_str(separator);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prices_read_as_people_write_them() {
        assert_eq!(format(8_500, "EUR"), "€85.00");
        assert_eq!(format(5, "GBP"), "£0.05");
        assert_eq!(format(125_000_000, "USD"), "$1,250,000.00");
        assert_eq!(format(9_800, "JPY"), "¥9,800");
        assert_eq!(format(12_345, "KWD"), "KWD\u{a0}12.345");
        assert_eq!(format(-700, "CHF"), "−CHF\u{a0}7.00");
        assert_eq!(decimal(125_000, "EUR"), "1250.00");
    }

    #[test]
    fn germans_read_theirs_their_way() {
        assert_eq!(format_in(6_500, "EUR", "de"), "65,00\u{a0}€");
        assert_eq!(format_in(125_000_000, "USD", "de-AT"), "1.250.000,00\u{a0}$");
        assert_eq!(format_in(9_800, "JPY", "DE"), "9.800\u{a0}¥");
        assert_eq!(format_in(-700, "CHF", "de"), "−7,00\u{a0}CHF");
        for language in ["en", "en-GB", "tlh", "", "deutsch"] {
            assert_eq!(format_in(6_500, "EUR", language), "€65.00", "{language}");
        }
    }

    proptest! {
        #[test]
        fn no_amount_loses_a_cent(minor: i64, language in "en|de") {
            let text = format_in(minor, "EUR", &language);
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(digits.parse::<u64>().expect("digits"), minor.unsigned_abs());
        }
    }
}
