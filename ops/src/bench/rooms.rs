//! Many rooms at one process.

mod awake;

use super::{report::Row, setup::Bench};

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    awake::rows(bench).await
}
