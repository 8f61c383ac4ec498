//! `fairgate bench`: how fast the hot paths are, side by side with what they are compared with, in
//! one run.
//!
//! The servers are those that the environment names, in a database and a namespace of the bench's
//! own; the server under measurement is a child process, so that its memory is its own. Everything
//! lies on one machine, which client, server and stores share: ratios say more than rates.
//!
//! Reading order: [`stats`], [`report`] and [`steps`] are pure. [`setup`], [`bench_env`],
//! [`server`], [`client`], [`sale`] and [`fill`] are what all use; [`mod@line`], [`producer`],
//! [`orders`], [`holds`], [`mod@edge`], [`memory`], [`rate`], [`pace`], [`draw`] and [`rooms`]
//! measure.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::{print_result, print_status, serve::Role};

mod bench_env;
pub(crate) mod client;
mod draw;
mod edge;
mod fill;
mod holds;
mod line;
mod memory;
mod orders;
mod pace;
mod producer;
mod rate;
mod report;
mod rooms;
mod sale;
mod server;
mod setup;
mod stats;
mod steps;

use bench_env::BenchEnv;
use report::Row;
use setup::Bench;

#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// How often each thing is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// What to measure; everything by default.
    #[arg(value_enum)]
    pub parts: Vec<Part>,
    /// How long one round of one side lasts, in seconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub secs: u64,
    /// Clients that call at once, each waiting for its answer (joins, polls, holds).
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub clients: u16,
    /// Places waiting at the second look at memory; behind the edge, 100,000 of them at most.
    #[arg(long, default_value_t = 500_000,
        value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub fans: u64,
    /// Entrants whose turns are all computed.
    #[arg(long, default_value_t = 10_000_000,
        value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub entrants: u64,
    /// Entrants that stand in Kafka when a room draws.
    #[arg(long, default_value_t = 1_000_000,
        value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
    pub cohort: u64,
    /// Awake rooms at one process, with 1,000 waiting in each.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    pub awake: u32,
    /// Write the values of every round to this file, as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Joins and polls against an empty handler.
    Line,
    /// Joins against Kafka's producer perf tool.
    Producer,
    /// Orders through the writer against row locks and bulk inserts.
    Orders,
    /// Holds and their script against redis-benchmark.
    Holds,
    /// What 100,000 who wait behind nginx cost the origin.
    Edge,
    /// Memory with few and many waiting.
    Memory,
    /// The pace that follows checkout against the best that a sweep finds, and with no-shows.
    Pace,
    /// From a rate change to its effect, and the pace over a minute.
    Rate,
    /// Turns computed, and from opening a room to its draw.
    Draw,
    /// Many rooms at one process: their pace, what they cost, and how soon another is ready.
    Rooms,
}

#[derive(Debug, Clone, Args)]
pub struct BenchServerArgs {
    #[arg(value_enum)]
    roles: Vec<Role>,
}

/// Measures, prints the table, and removes what it made.
///
/// # Errors
/// Servers that are away, tools that are missing, or a measurement that went wrong; one that did
/// gives no figures.
pub async fn run(args: BenchArgs) -> anyhow::Result<()> {
    let parts =
        if args.parts.is_empty() { Part::value_variants().to_vec() } else { args.parts.clone() };
    let bench = Bench {
        env: BenchEnv::open().await?,
        rounds: args.rounds as usize,
        clients: usize::from(args.clients),
        fans: args.fans,
        entrants: args.entrants,
        cohort: args.cohort,
        awake: args.awake,
        lasts: Duration::from_secs(args.secs),
    };
    let outcome = tokio::select! {
        outcome = measure(&bench, &parts) => outcome,
        () = crate::signal::told_to_end() => Err(anyhow::anyhow!("told to end")),
    };
    // Whatever happened, nothing of it stays.
    if let Err(error) = bench.env.close().await {
        print_status(&format!("bench: {error:#}"));
    }
    let rows = outcome?;
    print_result(&heading(&args));
    print_result(report::table(&rows).trim_end());
    if let Some(file) = &args.json {
        let about = serde_json::json!({
            "at": chrono::Utc::now(), "rounds": args.rounds, "secs": args.secs,
        "clients": args.clients,
            "optimised": !cfg!(debug_assertions), "cores": cores(),
        });
        let text = serde_json::to_string_pretty(&report::json(&rows, &about))?;
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

async fn measure(bench: &Bench, parts: &[Part]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for part in parts {
        let name =
            part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let measured = match part {
            Part::Line => line::rows(bench).await,
            Part::Producer => producer::rows(bench).await,
            Part::Orders => orders::rows(bench).await,
            Part::Holds => holds::rows(bench).await,
            Part::Edge => edge::rows(bench).await,
            Part::Memory => memory::rows(bench).await,
            Part::Pace => pace::rows(bench).await,
            Part::Rate => rate::rows(bench).await,
            Part::Draw => draw::rows(bench).await,
            Part::Rooms => rooms::rows(bench).await,
        };
        rows.extend(measured.with_context(|| format!("measuring {name}"))?);
    }
    Ok(rows)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn heading(args: &BenchArgs) -> String {
    let build = if cfg!(debug_assertions) { "an UNOPTIMISED build" } else { "a release build" };
    format!(
        "{build} on {} cores; {} rounds of {} s, {} clients; client, server and stores share the \
            machine",
        cores(),
        args.rounds,
        args.secs,
        args.clients
    )
}

/// The server under measurement.
///
/// # Errors
/// As [`crate::serve::serve`].
pub async fn serve(args: BenchServerArgs) -> anyhow::Result<()> {
    server::serve(&args.roles).await
}
