//! Numbers as people read them. Pure.

/// `1_240_900` is `1,240,900`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something: `1 pass`, `2,000 passes`. Fewer than none are none.
pub fn counted(number: i64, one: &str, many: &str) -> String {
    let number = number.max(0).unsigned_abs();
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart_and_one_is_no_plural() {
        assert_eq!([0, 999, 1_000, 1_240_900].map(grouped), ["0", "999", "1,000", "1,240,900"]);
        assert_eq!(counted(1, "pass", "passes"), "1 pass");
        assert_eq!(counted(2_000, "pass", "passes"), "2,000 passes");
        assert_eq!(counted(-3, "pass", "passes"), "0 passes");
    }
}
