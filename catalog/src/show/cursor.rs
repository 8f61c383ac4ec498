//! A point in a list of shows.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, Utc};
use kit::id::InvalidId;

use crate::show::Show;

/// A point in a list of shows, soonest first: after this show, which starts then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowCursor {
    pub starts_at: DateTime<Utc>,
    pub show: String,
}

impl ShowCursor {
    /// Behind this show.
    pub fn behind(show: &Show) -> Self {
        Self { starts_at: show.starts_at, show: show.show.clone() }
    }
}

/// For the address of the next page.
impl fmt::Display for ShowCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.starts_at.timestamp_micros(), self.show)
    }
}

impl FromStr for ShowCursor {
    type Err = InvalidId;

    /// Reads what `Display` wrote, and no other text.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId("point in a list of shows");
        let (micros, show) = text.split_once('.').ok_or(invalid)?;
        let micros = micros.parse().map_err(|_| invalid)?;
        let starts_at = DateTime::from_timestamp_micros(micros).ok_or(invalid)?;
        // What no show can be, the database may not even take as a question.
        let sane = (1900..3000).contains(&starts_at.year()) && kit::id::is_slug(show);
        if sane { Ok(Self { starts_at, show: show.to_owned() }) } else { Err(invalid) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let starts_at = DateTime::from_timestamp_micros(1_795_000_000_123_456).expect("a time");
        let cursor = ShowCursor { starts_at, show: "mira-vale-harbour-lights".to_owned() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in [
            "",
            "x",
            "x.y",
            ".",
            "99999999999999999999.z",
            "-9223372036854775808.z",
            "9223372036854775807.z",
            "1.\0",
        ] {
            assert!(text.parse::<ShowCursor>().is_err(), "{text}");
        }
    }
}
