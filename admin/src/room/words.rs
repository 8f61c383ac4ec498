//! Numbers, times and people, as the console says them. Pure.

use chrono::{DateTime, Utc};
use kit::number::grouped;
use waitroom::contract::Phase;

use crate::room::measures::Flow;

/// `12,408`
pub fn count(number: i64) -> String {
    grouped(number.max(0).unsigned_abs())
}

/// `21 November 2026, 19:30:09 UTC`
pub fn moment(at: &DateTime<Utc>) -> String {
    at.format("%-d %B %Y, %H:%M:%S UTC").to_string()
}

/// `19:30:09 UTC`
pub fn clock(at: &DateTime<Utc>) -> String {
    at.format("%H:%M:%S UTC").to_string()
}

/// `pre-queue`
pub fn phase_name(phase: &Phase) -> String {
    phase.to_string().replace('_', "-")
}

/// `50`, `2.5`, `1,200`
pub fn per_sec(rate: f64) -> String {
    let rounded = (rate * 100.0).round() / 100.0;
    let text = rounded.abs().to_string();
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    whole.parse().map_or_else(|_| rounded.to_string(), |whole| grouped(whole) + rest)
}

/// `12,408 are waiting.`
pub fn waiting_words(flow: &Flow) -> String {
    match flow.waiting {
        0 => "Nobody is waiting.".to_owned(),
        1 => "1 is waiting.".to_owned(),
        waiting => format!("{} are waiting.", count(waiting)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_grouped_like_counts() {
        assert_eq!(
            [50.0, 2.5, 0.0, 1_200.0, 9_999.996].map(per_sec),
            ["50", "2.5", "0", "1,200", "10,000"]
        );
        assert_eq!(per_sec(1_234.567), "1,234.57");
    }
}
