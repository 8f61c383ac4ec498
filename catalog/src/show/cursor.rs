//! A point in a list of shows.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, Utc};
use kit::id::InvalidId;

use crate::show::{Show, ShowId};

/// A point in a list of shows, soonest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowCursor {
    pub starts_at: DateTime<Utc>,
    /// After this show, which starts then; `None` before all that start then or later, which is in
    /// no address.
    pub show: Option<ShowId>,
}

impl ShowCursor {
    /// Behind this show.
    pub fn behind(show: &Show) -> Self {
        Self { starts_at: show.starts_at, show: Some(show.show.clone()) }
    }

    /// Before whatever starts at `starts_at` or later.
    pub fn before(starts_at: DateTime<Utc>) -> Self {
        Self { starts_at, show: None }
    }

    /// What the ids of shows that start at the same moment are compared with: no id is less than
    /// an empty text.
    pub(crate) fn text(&self) -> &str {
        self.show.as_deref().unwrap_or_default()
    }
}

/// For the address of the next page.
impl fmt::Display for ShowCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.starts_at.timestamp_micros(), self.text())
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
        let show = show.parse().map_err(|_| invalid)?;
        if (1900..3000).contains(&starts_at.year()) {
            Ok(Self { starts_at, show: Some(show) })
        } else {
            Err(invalid)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let starts_at = DateTime::from_timestamp_micros(1_795_000_000_123_456).expect("a time");
        let cursor = ShowCursor { starts_at, show: "mira-vale-harbour-lights".parse().ok() };
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
