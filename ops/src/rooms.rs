//! `fairgate room`: an operator's door until the console opens.

use clap::{Args, ValueEnum};
use waitroom::contract::{Phase, RoomChange, change_room};

use crate::{say, settings::Stores};

#[derive(Args)]
pub struct RoomArgs {
    /// What to do.
    #[arg(value_enum)]
    action: Action,
    /// The room.
    room: String,
    /// Fans let in per second (set).
    #[arg(long)]
    rate: Option<f64>,
    /// Sessions in checkout at once (set).
    #[arg(long)]
    max_active: Option<i32>,
    /// How long a fan may take to come in, in seconds (set).
    #[arg(long)]
    claim_window: Option<i32>,
    /// What everybody who waits is told (set).
    #[arg(long)]
    message: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    Open,
    Pause,
    Resume,
    Close,
    Set,
}

/// Steers a room; every instance follows within half a second.
pub async fn run(args: RoomArgs) -> anyhow::Result<()> {
    let stores = Stores::from_env()?;
    let phase = match args.action {
        Action::Open | Action::Resume => Some(Phase::Open),
        Action::Pause => Some(Phase::Paused),
        Action::Close => Some(Phase::Closed),
        Action::Set => None,
    };
    let change = RoomChange {
        phase,
        rate_per_sec: args.rate,
        max_active: args.max_active,
        claim_window_secs: args.claim_window,
        message: args.message,
    };
    change_room(&stores.pool, &args.room, &change).await?;
    say(&format!("room {} changed", args.room));
    Ok(())
}
