//! The draw: how fast places become turns, and how long it takes until a draw is made.
//!
//! [`mod@permute`] computes every turn of a large cohort and sees that it is a permutation.
//! [`mod@moment`] appends a cohort to a room's line, as joins write it, opens the room, and
//! measures until the draw is made.

mod moment;
mod permute;

use super::{report::Row, setup::Bench};

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let entrants = bench.entrants;
    let mut rows = tokio::task::spawn_blocking(move || permute::rows(entrants)).await??;
    rows.extend(moment::rows(bench).await?);
    Ok(rows)
}
