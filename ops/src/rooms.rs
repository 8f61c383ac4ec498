//! `fairgate room`: steering from a shell. It stands in the console's log like any other change.

use std::os::unix::fs::MetadataExt;

use admission::contract::PaceMode;
use clap::{Args, ValueEnum};
use waitroom::contract::{Phase, RoomChange};

use crate::{print_status, settings::Stores};

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
    /// Whether the pace follows checkout: follow or fixed (set).
    #[arg(long)]
    pace: Option<PaceMode>,
    /// Fans let in per second at least, while it follows (set).
    #[arg(long)]
    floor: Option<f64>,
    /// How slow one order in a hundred may be, in milliseconds (set).
    #[arg(long)]
    order_ms_target: Option<i32>,
    /// What everybody who waits is told (set).
    #[arg(long)]
    message: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    /// Let fans join who are let in once it opens.
    LetJoin,
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
        Action::LetJoin => Some(Phase::PreQueue),
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
        pace_mode: args.pace,
        floor_per_sec: args.floor,
        order_ms_target: args.order_ms_target,
        ..RoomChange::default()
    };
    admin::contract::change_room(&stores.pool, &unix_user(), &args.room, &change).await?;
    print_status(&format!("room {} changed", args.room));
    Ok(())
}

/// Who runs this process, by name where the machine has one: what the kernel says, not what the
/// environment claims.
fn unix_user() -> String {
    let uid = std::fs::metadata("/proc/self").map(|process| process.uid().to_string());
    let Ok(uid) = uid else { return "somebody".to_owned() };
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&uid, &users).map_or_else(|| format!("uid {uid}"), str::to_owned)
}

/// The name of a user id in the form of `/etc/passwd`.
fn name_of<'a>(uid: &str, users: &'a str) -> Option<&'a str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_called_by_their_names() {
        let users = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\nodd\n";
        assert_eq!((name_of("1000", users), name_of("100", users)), (Some("ada"), None));
        assert!(!unix_user().is_empty());
    }
}
