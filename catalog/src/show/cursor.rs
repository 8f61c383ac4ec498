//! A point in a list of shows.

use chrono::{DateTime, Datelike, Utc};

use crate::show::Show;

/// A point in a list of shows, soonest first: after this show, which starts then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShowCursor {
    pub starts_at: DateTime<Utc>,
    pub show: String,
}

impl ShowCursor {
    /// Reads what [`ShowCursor::text`] wrote; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (micros, show) = text.split_once('.')?;
        let starts_at = DateTime::from_timestamp_micros(micros.parse().ok()?)?;
        // What no show can be, the database may not even take as a question.
        let sane = (1900..3000).contains(&starts_at.year()) && kit::id::is_slug(show);
        sane.then(|| Self { starts_at, show: show.to_owned() })
    }

    /// For the address of the next page.
    pub fn text(&self) -> String {
        format!("{}.{}", self.starts_at.timestamp_micros(), self.show)
    }

    /// Behind this show.
    pub fn behind(show: &Show) -> Self {
        Self { starts_at: show.starts_at, show: show.show.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let starts_at = DateTime::from_timestamp_micros(1_795_000_000_123_456).expect("a time");
        let cursor = ShowCursor { starts_at, show: "mira-vale-harbour-lights".to_owned() };
        assert_eq!(ShowCursor::parse(&cursor.text()).expect("ours"), cursor);
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
            assert!(ShowCursor::parse(text).is_none(), "{text}");
        }
    }
}
