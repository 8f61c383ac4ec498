//! How long an account is blocked after sign-ins that failed. Pure.

const FREE: i32 = 4;
const FIRST_SECS: i64 = 30;
const LONGEST_SECS: i64 = 15 * 60;

/// Seconds an account stays blocked after `failed` failures in a row: none up to four, then 30 s, doubling, at most
/// 15 minutes. Long enough against guessing, short enough that nobody can lock its owner out for good.
pub fn block_secs(failed: i32) -> i64 {
    if failed <= FREE {
        return 0;
    }
    let doublings = u32::try_from(failed - FREE - 1).unwrap_or(0).min(16);
    (FIRST_SECS << doublings).min(LONGEST_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_grow_to_a_quarter_of_an_hour() {
        assert_eq!([0, 4, 5, 6, 9, 10, 1000, -3].map(block_secs), [0, 0, 30, 60, 480, 900, 900, 0]);
    }
}
