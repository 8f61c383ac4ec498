//! `fairgate`: one binary that serves any set of roles, and the tools around it.

use clap::{Parser, Subcommand};
use kit::telemetry::Reader;
use ops::{
    bench, demo, emails, keys, people, print_status, rooms, running, rush, serve, settings, verify,
    verify_draw,
};

/// Requests allocate on one thread and free on another all the time, which the system's allocator
/// pays for with locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A fair virtual waiting room and the ticketing core behind it.
///
/// Settings come from the environment (FAIRGATE_…); `fairgate serve` checks them all at start.
/// Where it names no servers, the other commands take those of the `ops/up` whose folder they are
/// called in.
#[derive(Parser)]
#[command(name = "fairgate", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve roles; all but the sandbox where none is named.
    Serve {
        #[arg(value_enum)]
        roles: Vec<serve::Role>,
    },
    /// Bring the database schemas up to date.
    Migrate,
    /// Print fresh keys and secrets as NAME=value lines.
    Keys,
    /// Make the first admin and print a password that is good for one sign-in; another where the
    /// first was lost. Does nothing where an admin has chosen a password.
    FirstAdmin(people::FirstAdminArgs),
    /// Open, pause, resume, close or steer a room.
    Room(rooms::RoomArgs),
    /// List emails that were given up, or try them again.
    #[command(visible_alias = "letters")]
    Emails(emails::EmailsArgs),
    /// The demo sale.
    Demo {
        #[command(subcommand)]
        command: demo::DemoCommand,
    },
    /// Check what must always hold, against Postgres, Redis and Kafka.
    Verify(verify::VerifyArgs),
    /// Check a room's draw and line from what it published, its receipts and its topic.
    VerifyDraw(verify_draw::VerifyDrawArgs),
    /// Drive bots that behave like fans through a fresh sale of a running system.
    Rush(rush::RushArgs),
    /// Measure the hot paths side by side with what they are compared with.
    Bench(bench::BenchArgs),
    /// The server that a bench measures.
    #[command(hide = true)]
    BenchServer(bench::BenchServerArgs),
    /// Print the OpenAPI description.
    Openapi,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let command = Cli::parse().command;
    let is_server = matches!(command, Command::Serve { .. } | Command::BenchServer(_));
    kit::telemetry::logs(if is_server { Reader::Machine } else { Reader::Person });
    let outcome = match command.find_settings() {
        Ok(()) => run(command).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            print_status(&format!("fairgate: {error:#}"));
            std::process::ExitCode::FAILURE
        }
    }
}

impl Command {
    /// A server is told by its environment alone; a tool also finds a running `ops/up`.
    fn find_settings(&self) -> anyhow::Result<()> {
        match self {
            Self::Serve { .. } | Self::BenchServer(_) | Self::Keys | Self::Openapi => Ok(()),
            _ => running::find_settings(),
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve { roles } => serve::serve(&roles).await,
        Command::Migrate => migrate().await,
        Command::Keys => keys::print(),
        Command::FirstAdmin(args) => people::first_admin(args).await,
        Command::Room(args) => rooms::run(args).await,
        Command::Emails(args) => emails::run(args).await,
        Command::Demo { command } => demo::run(command).await,
        Command::Verify(args) => verify::run(args).await,
        Command::VerifyDraw(args) => verify_draw::run(args).await,
        Command::Rush(args) => rush::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::BenchServer(args) => bench::serve(args).await,
        Command::Openapi => serve::print_openapi().await,
    }
}

async fn migrate() -> anyhow::Result<()> {
    let stores = settings::Stores::from_env()?;
    migrations::run(&stores.pool).await
}
