//! `fairgate verify`: an independent checker of what must always hold.
//!
//! [`snapshot`] reads rows; the other modules take values and return what is wrong with them;
//! [`report`] tells it.

mod direct;
pub mod draw;
mod judge;
pub mod line;
pub mod orders;
pub mod pace;
pub mod report;
pub mod sessions;
pub mod slow;
pub mod snapshot;
pub mod stock;
pub mod told_pace;
pub mod waiting;
pub mod windows;

use std::time::Duration;

use anyhow::{Context, bail};
use catalog::contract::ShowId;
use clap::Args;

use crate::{print_result, settings::Stores};
use judge::judge;
use report::Report;

/// What is on its way is looked at again so often before it counts as wrong.
const LOOKS_MORE: u32 = 5;
const PAUSE: Duration = Duration::from_millis(400);

#[derive(Args)]
pub struct VerifyArgs {
    /// Only this show. All of them where none is named.
    #[arg(long)]
    show: Option<String>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Checks and prints the report.
///
/// # Errors
/// A server away, or a check that fails: then the error names it, after the rows were printed.
pub async fn run(args: VerifyArgs) -> anyhow::Result<()> {
    let show: Option<ShowId> =
        args.show.map(|text| text.parse().with_context(|| snapshot::nowhere(&text))).transpose()?;
    let report = check(&Stores::from_env()?, show.as_ref()).await?;
    print_result(&if args.json { serde_json::to_string_pretty(&report)? } else { report.table() });
    if !report.clean {
        bail!("these do not hold: {}", report.failing().join(", "));
    }
    Ok(())
}

/// Checks one show, or all. A running sale is looked at several times, and only what persists
/// counts.
///
/// # Errors
/// A server away.
pub async fn check(stores: &Stores, scope: Option<&ShowId>) -> anyhow::Result<Report> {
    let mut report = look(stores, scope).await?;
    for _ in 0..LOOKS_MORE {
        if report.clean {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        let mut again = look(stores, scope).await?;
        again.keep_what_persists(&report);
        report = again;
    }
    Ok(report)
}

/// One look, at a system that rests.
///
/// # Errors
/// A server away.
pub async fn look(stores: &Stores, scope: Option<&ShowId>) -> anyhow::Result<Report> {
    Ok(judge(&snapshot::take(stores, scope).await?))
}
