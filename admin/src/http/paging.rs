//! Lists that are read page by page. The doors agree on how long a page is.

pub const AUDIT_PAGE: i64 = 50;
pub const PEOPLE_PAGE: i64 = 100;
pub const REFUNDS_PAGE: i64 = 50;
pub const RESELLERS_PAGE: i64 = 50;
pub const SUPPORT_PAGE: i64 = 100;

/// Where the next page begins, of a list whose pages have `size` entries; `None` on the last one.
pub fn next<T, C>(list: &[T], size: i64, cursor: impl Fn(&T) -> C) -> Option<C> {
    (list.len() as i64 == size).then(|| list.last().map(cursor)).flatten()
}
