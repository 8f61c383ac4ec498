//! What a rush is asked for.

use anyhow::bail;
use clap::Args;

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
        value_parser = clap::value_parser!(i32).range(1..=1_000_000))]
    pub tickets: i32,
    /// Fans let in per second.
    #[arg(long, default_value_t = 100.0)]
    pub rate: f64,
    /// The share of fans who leave at some point without buying: before coming in, with tickets
    /// held, or with an order unpaid.
    #[arg(long, default_value_t = 0.1)]
    pub abandon: f64,
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
    /// The same seed draws the same fans.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Print the summary as one JSON object.
    #[arg(long)]
    pub json: bool,
    /// When to give up, in seconds.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,
}

impl RushArgs {
    /// The cap on sessions: the one asked for, or room for everybody who could be inside at this
    /// rate at once, as long as most leave within a dozen seconds.
    pub fn cap(&self) -> i32 {
        self.max_active.unwrap_or(((self.rate * 12.0).ceil() as i32).max(50))
    }

    pub fn validate(&self) -> anyhow::Result<()> {
        if !(self.rate.is_finite() && self.rate > 0.0) {
            bail!("--rate must be above zero");
        }
        if !(0.0..=1.0).contains(&self.abandon) {
            bail!("--abandon is a share, from 0 to 1");
        }
        if !(0.0..=86_400.0).contains(&self.arrive) {
            bail!("--arrive is a time in seconds, up to a day");
        }
        Ok(())
    }
}
