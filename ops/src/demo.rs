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

use crowd::CrowdArgs;

#[derive(Debug, Clone, Subcommand)]
pub enum DemoCommand {
    /// Put the demo shows on sale, or bring them up to date.
    Load,
    /// Print what to open, a line each: label, tab, address.
    Urls,
    /// Keep a small crowd waiting in the demo sale, so that whoever joins really waits.
    Crowd(CrowdArgs),
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
