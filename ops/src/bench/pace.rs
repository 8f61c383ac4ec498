//! How well the pace follows checkout: beside the best rate that a sweep of fixed ones finds, and
//! with fans who do not come. Each trial is a rush of its own.

mod no_shows;
mod sweep;
mod trial;

use super::{report::Row, server::Served, setup::Bench};

pub async fn rows(bench: &Bench) -> anyhow::Result<Vec<Row>> {
    let server = Served::start(&bench.env, bench.all_roles()).await?;
    let mut rows = sweep::rows(bench, &server).await?;
    rows.extend(no_shows::rows(bench, &server).await?);
    server.stop().await?;
    Ok(rows)
}
