//! What is told of repeated measurements. Pure.

use serde::Serialize;

/// Median, least and greatest of some rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
    pub rounds: usize,
}

impl Spread {
    /// `None` where nothing was measured.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self { median, min, max, rounds: sorted.len() })
    }
}

/// How the medians compare; `None` where one is missing or the other is zero.
pub fn ratio(ours: &[f64], theirs: &[f64]) -> Option<f64> {
    let (ours, theirs) = (Spread::of(ours)?, Spread::of(theirs)?);
    (theirs.median != 0.0).then(|| ours.median / theirs.median)
}

/// A number with three significant digits at least and thousands set apart, as people read it.
pub fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        _ if size >= 100.0 || size == 0.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 0.1 => 2,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_middle_two() {
        assert_eq!(
            Spread::of(&[3.0, 1.0, 2.0]),
            Some(Spread { median: 2.0, min: 1.0, max: 3.0, rounds: 3 })
        );
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_ratio_needs_both_sides() {
        assert_eq!(ratio(&[8.0], &[2.0]), Some(4.0));
        assert_eq!(ratio(&[8.0], &[]), None);
        assert_eq!(ratio(&[8.0], &[0.0]), None);
    }

    #[test]
    fn numbers_are_short() {
        let shown = [1_234_567.8, 999.6, 100.0, 12.34, 1.239, 0.01234, 0.0, -1500.0].map(number);
        assert_eq!(shown, ["1,234,568", "1,000", "100", "12.3", "1.24", "0.0123", "0", "-1,500"]);
    }

    proptest! {
        #[test]
        fn the_median_lies_within(values in prop::collection::vec(-1e6..1e6f64, 1..20)) {
            let spread = Spread::of(&values).expect("values");
            prop_assert!(spread.min <= spread.median && spread.median <= spread.max);
            prop_assert_eq!(spread.rounds, values.len());
        }
    }
}
