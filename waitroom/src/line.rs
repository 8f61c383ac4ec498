//! A line: what a join writes, and who joins.

pub mod agent;
pub mod join;
pub mod keyed_join;
pub mod leave;
pub mod left;

use serde::{Deserialize, Serialize};

/// The value of a record in a line. Who joins is not in it: a place belongs to whoever holds its
/// ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineEntry {
    /// Version of this form.
    pub v: u8,
}
