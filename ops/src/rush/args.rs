//! What a rush is asked for.

use anyhow::bail;
use clap::{Args, ValueEnum};

use crate::verify::line::OVERTAKING_MS_BOUND;

/// Nobody is overtaken by more while all servers are there.
const OVERTAKING_MS_PROMISED: i64 = 250;

#[derive(Debug, Clone, Args)]
pub struct RushArgs {
    /// Where the system is; FAIRGATE_PUBLIC_URL by default. Only this machine's own addresses are
    /// accepted.
    #[arg(long)]
    pub url: Option<String>,
    /// How many fans come.
    #[arg(long, default_value_t = 5000,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub fans: u32,
    /// How many tickets there are.
    #[arg(long, default_value_t = 1000,
        value_parser = clap::value_parser!(i32).range(1..=100_000_000))]
    pub tickets: i32,
    /// Fans let in per second, at most.
    #[arg(long, default_value_t = 100.0)]
    pub rate: f64,
    /// Let them in at just that rate, whether or not checkout can take it.
    #[arg(long)]
    pub fixed: bool,
    /// Let fans join before the opening, and draw their order when all have.
    #[arg(long)]
    pub draw: bool,
    /// Have the draw wait for a number, which is entered so many seconds after entries closed.
    #[arg(long, requires = "draw", value_name = "SECS")]
    pub entropy_after: Option<f64>,
    /// The slowest that one order in a hundred may be, in milliseconds, for the pace that follows.
    #[arg(long)]
    pub order_target: Option<i32>,
    #[command(flatten)]
    pub shares: Shares,
    /// Sessions in checkout at once; by default enough that the rate is what limits.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    pub max_active: Option<i32>,
    /// How long a fan who was let in may take to come, in seconds.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i32).range(1..=86_400))]
    pub claim_window: i32,
    /// Lanes of the line.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(i32).range(1..=256))]
    pub lanes: i32,
    /// The time over which fans arrive, in seconds.
    #[arg(long, default_value_t = 5.0)]
    pub arrive: f64,
    /// How much later than others one may have joined who is let in before them, in milliseconds.
    ///
    /// By default 250, which is what fans are promised while all servers are there: 150 that the
    /// room's controllers keep between each other's fronts, and 100 to fetch a join and publish a
    /// head. With --struck 650 as for `fairgate verify`, which also looks at what a crash left.
    #[arg(long)]
    pub overtaking_max: Option<i64>,
    /// Servers are taken away meanwhile: what that explains is no fault. Only a Redis that is
    /// taken away, and comes back empty, explains lost holds and orders that are refused later.
    #[arg(long)]
    pub struck: Option<Struck>,
    /// How long a fan looks at a page before going on, in seconds, on average.
    #[arg(long, default_value_t = 0.55)]
    pub thinks: f64,
    /// The same seed draws the same fans.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Print the summary as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// When to give up, in seconds.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,
    /// End so many seconds after the first was let in, with fans still in line; for a bench.
    #[arg(skip)]
    pub ends_after: Option<u64>,
}

/// Which server is taken away during a rush.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Struck {
    Redis,
    /// Any other.
    Other,
}

/// Which share of the fans does what, from 0 to 1. A fan may be of several kinds.
#[derive(Debug, Clone, Copy, PartialEq, Args)]
pub struct Shares {
    /// Leave at some point without buying: before coming in, with tickets held, or with an order
    /// unpaid.
    #[arg(long, default_value_t = 0.1)]
    pub abandon: f64,
    /// Never come when it is their turn.
    #[arg(long, default_value_t = 0.05)]
    pub absent: f64,
    /// Come late in their claim window.
    #[arg(long, default_value_t = 0.05)]
    pub slow: f64,
    /// Ask and claim from two tabs at once.
    #[arg(long, default_value_t = 0.03)]
    pub two_tabs: f64,
    /// Come by the pages, without cookies and without keeping connections.
    #[arg(long, default_value_t = 0.02)]
    pub no_cookies: f64,
    /// Leave the line on purpose while they wait.
    #[arg(long, default_value_t = 0.02)]
    pub leaves: f64,
    /// Stay in line for what comes back when they are told that it is sold out.
    #[arg(long, default_value_t = 0.3)]
    pub stays: f64,
}

impl Shares {
    /// Everybody comes, at once, and buys.
    pub const NONE: Self = Self {
        abandon: 0.0,
        absent: 0.0,
        slow: 0.0,
        two_tabs: 0.0,
        no_cookies: 0.0,
        leaves: 0.0,
        stays: 0.0,
    };

    fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("abandon", self.abandon),
            ("absent", self.absent),
            ("slow", self.slow),
            ("two-tabs", self.two_tabs),
            ("no-cookies", self.no_cookies),
            ("leaves", self.leaves),
            ("stays", self.stays),
        ]
    }
}

impl RushArgs {
    /// The cap on sessions: the one asked for, or room for everybody who could be inside at this
    /// rate at once, as long as most leave within a dozen seconds.
    pub fn cap(&self) -> i32 {
        self.max_active.unwrap_or(((self.rate * 12.0).ceil() as i32).max(50))
    }

    /// The bound of overtaking in milliseconds.
    pub fn overtaking_ms_max(&self) -> i64 {
        let promised = match self.struck {
            Some(_) => OVERTAKING_MS_BOUND,
            None => OVERTAKING_MS_PROMISED,
        };
        self.overtaking_max.unwrap_or(promised)
    }

    pub fn validate(&self) -> anyhow::Result<()> {
        if !(self.rate.is_finite() && self.rate > 0.0) {
            bail!("--rate must be above zero");
        }
        for (name, share) in self.shares.named() {
            if !(0.0..=1.0).contains(&share) {
                bail!("--{name} is a share, from 0 to 1");
            }
        }
        if !(0.0..=600.0).contains(&self.thinks) {
            bail!("--thinks is a time in seconds, up to ten minutes");
        }
        if !(0.0..=86_400.0).contains(&self.arrive) {
            bail!("--arrive is a time in seconds, up to a day");
        }
        Ok(())
    }
}
