//! Prices as people read them. Pure.

/// Decimal places of a currency's minor unit (ISO 4217).
fn decimals(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// What stands before the amount: a sign where it means one currency only, the ISO code and a space elsewhere.
fn prefix(currency: &str) -> String {
    match currency {
        "EUR" => "€".to_owned(),
        "GBP" => "£".to_owned(),
        "USD" => "$".to_owned(),
        "JPY" => "¥".to_owned(),
        "KRW" => "₩".to_owned(),
        "INR" => "₹".to_owned(),
        code => format!("{code}\u{a0}"),
    }
}

/// `8_500` EUR (in cents) is `€85.00`.
pub fn format(minor: i64, currency: &str) -> String {
    let sign = if minor < 0 { "−" } else { "" };
    format!("{sign}{}{}", prefix(currency), amount(minor.unsigned_abs(), decimals(currency), ","))
}

/// The plain decimal number that machines read: `85.00`.
pub fn decimal(minor: i64, currency: &str) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}", amount(minor.unsigned_abs(), decimals(currency), ""))
}

/// `1_240_900` is `1,240,900`.
pub fn grouped(number: u64) -> String {
    group(&number.to_string(), ",")
}

fn amount(minor: u64, decimals: u32, separator: &str) -> String {
    let unit = 10u64.pow(decimals);
    let whole = group(&(minor / unit).to_string(), separator);
    if decimals == 0 { whole } else { format!("{whole}.{:0width$}", minor % unit, width = decimals as usize) }
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

    proptest! {
        #[test]
        fn no_amount_loses_a_cent(minor: i64) {
            let digits: String = format(minor, "EUR").chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(digits.parse::<u64>().expect("digits"), minor.unsigned_abs());
        }
    }
}
