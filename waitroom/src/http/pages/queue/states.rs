//! Where a fan can stand before the gate, and in which words the page says so. No I/O.

pub mod entrance;
pub mod in_draw;
pub mod turn;
pub mod waiting;

/// `90 seconds`, `2 minutes`
fn duration(secs: i32) -> String {
    match (secs, secs % 60) {
        (60, _) => "1 minute".to_owned(),
        (1, _) => "1 second".to_owned(),
        (120.., 0) => format!("{} minutes", secs / 60),
        _ => format!("{secs} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_naturally() {
        assert_eq!(duration(120), "2 minutes");
        assert_eq!(duration(90), "90 seconds");
        assert_eq!(duration(60), "1 minute");
        assert_eq!(duration(1), "1 second");
    }
}
