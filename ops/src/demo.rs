//! `fairgate demo`: a catalog that looks like the real thing, and a sale with a line to wait in.

use clap::Subcommand;
use kit::{
    public_url::PublicUrl,
    settings::{Env, ProcessEnv, Settings},
};

use crate::{print_result, serve::management_listen};

mod crowd;
mod load;
mod program;

/// Fans let in per second in the demo sale.
const RATE_PER_SEC: f64 = 4.0;
/// How long a newcomer waits in the demo sale.
const WAIT_SECS: f64 = 30.0;
const CLAIM_WINDOW_SECS: i32 = 90;
/// Most of the crowd never comes in, and each keeps a slot until its window ends: 4 a second for 90
/// seconds are 360, and the pace must hold beside them.
const MAX_ACTIVE: i32 = 600;

#[derive(Debug, Clone, Subcommand)]
pub enum DemoCommand {
    /// Put the demo shows on sale, or bring them up to date.
    Load,
    /// Print what to open, a line each: label, tab, address.
    Urls,
    /// Keep a small crowd waiting in the demo sale, so that whoever joins really waits.
    Crowd(CrowdArgs),
}

#[derive(Debug, Clone, clap::Args)]
pub struct CrowdArgs {
    /// Where the system is; FAIRGATE_PUBLIC_URL by default. Only this machine's own addresses are
    /// accepted.
    #[arg(long)]
    url: Option<String>,
    /// End after so many hours.
    #[arg(long, default_value_t = 6.0)]
    hours: f64,
    /// End after so many joins.
    #[arg(long, default_value_t = 100_000)]
    joins: u64,
}

/// Runs one of the demo's commands.
pub async fn run(command: DemoCommand) -> anyhow::Result<()> {
    match command {
        DemoCommand::Load => load::load().await,
        DemoCommand::Urls => urls(),
        DemoCommand::Crowd(args) => crowd::run(&args).await,
    }
}

fn urls() -> anyhow::Result<()> {
    let base = PublicUrl::from_env(&ProcessEnv)?;
    let sale = program::sale()?;
    for (label, path) in [
        ("shows", "/".to_owned()),
        ("the demo sale's line", format!("/queue/{sale}")),
        ("operators' console", "/admin".to_owned()),
        ("resellers' portal", "/portal".to_owned()),
        ("API description", "/openapi.json".to_owned()),
    ] {
        print_result(&format!("{label}\t{base}{path}"));
    }
    let management = management_listen(&mut Settings::new(&ProcessEnv));
    print_result(&format!("metrics\thttp://{management}/metrics"));
    if ProcessEnv.get("FAIRGATE_MAILBOX").is_some() {
        print_result(&format!("mail that was sent\t{base}/sandbox/mailbox"));
    }
    Ok(())
}
