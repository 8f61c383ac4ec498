//! Lists that are told page by page: `limit` says how many, `after` where the page before ended,
//! `next` where this one did.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, Utc};

/// A part of a list, and where the next part begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    pub items: Vec<T>,
    /// What the next page is asked for with; `None` on the last one.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Of a list that was read with one item more than the page's `size`, which tells that there is
    /// more.
    pub fn cut(mut items: Vec<T>, size: usize, cursor: impl FnOnce(&T) -> C) -> Self {
        let more = items.len() > size;
        items.truncate(size);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }

    /// Of a list that was read with `size` items at most: one that is full may go on.
    pub fn full(items: Vec<T>, size: usize, cursor: impl FnOnce(&T) -> C) -> Self {
        let next = items.last().filter(|_| items.len() >= size).map(cursor);
        Self { items, next }
    }

    /// A list that ends here.
    pub fn last(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// The page size that a caller wants, within what is allowed.
pub fn size(limit: Option<u16>, default: u16, max: u16) -> u16 {
    limit.unwrap_or(default).clamp(1, max)
}

/// Where a page ends in a list ordered by time and, at the same time, by id: `1795287600000000.x`,
/// with the time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor<I> {
    pub at: DateTime<Utc>,
    pub id: I,
}

/// A text that no page said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor from this list")]
pub struct InvalidCursor;

impl<I: FromStr> FromStr for Cursor<I> {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (micros, id) = text.split_once('.').ok_or(InvalidCursor)?;
        let at = micros.parse().ok().and_then(DateTime::from_timestamp_micros);
        // Times that nothing here can have, and some of which the database does not take.
        let at = at.filter(|at| (1900..3000).contains(&at.year())).ok_or(InvalidCursor)?;
        Ok(Self { at, id: id.parse().map_err(|_| InvalidCursor)? })
    }
}

impl<I: fmt::Display> fmt::Display for Cursor<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.timestamp_micros(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_where_the_next_begins() {
        let cut = |count: u32| Page::cut((0..count).collect(), 3, |last| *last);
        assert_eq!(cut(4), Page { items: vec![0, 1, 2], next: Some(2) });
        assert_eq!(cut(3), Page { items: vec![0, 1, 2], next: None });
        assert_eq!(cut(0), Page::last(vec![]));
        let full = |count: u32| Page::full((0..count).collect(), 3, |last| *last);
        assert_eq!((full(3).next, full(2).next, full(0).next), (Some(2), None, None));
        assert_eq!(
            [None, Some(0), Some(7), Some(999)].map(|limit| size(limit, 50, 100)),
            [50, 1, 7, 100]
        );
    }

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let written = "1795287600000001.17";
        let cursor: Cursor<u8> = written.parse().expect("a cursor");
        assert_eq!((cursor.at.timestamp_subsec_micros(), cursor.id), (1, 17));
        assert_eq!(cursor.to_string(), written);
        let far = i64::MAX;
        for wrong in ["", "17", "x.17", "1.x", ".", "1795287600000001.", &format!("{far}.17")] {
            assert_eq!(wrong.parse::<Cursor<u8>>(), Err(InvalidCursor), "{wrong}");
        }
        assert!("-99999999999999999.17".parse::<Cursor<u8>>().is_err(), "before all time");
    }
}
