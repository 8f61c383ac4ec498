//! What the rush is doing, for whoever watches: one line that changes, or a line now and then where
//! nobody does.

use std::{io::IsTerminal, sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::shop::Shop;
use crate::print_status;

const DRAW_EVERY: Duration = Duration::from_millis(500);
const SAY_EVERY: Duration = Duration::from_secs(2);

/// The running display.
pub struct Progress {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Starts telling.
pub fn start(shop: Arc<Shop>, fans: u32) -> Progress {
    let stop = CancellationToken::new();
    let task = tokio::spawn(tell(shop, fans, stop.clone()));
    Progress { stop, task }
}

impl Progress {
    /// Tells a last time and ends.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

async fn tell(shop: Arc<Shop>, fans: u32, stop: CancellationToken) {
    let bar = std::io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{spinner} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        ProgressBar::new_spinner().with_style(style)
    });
    let began = Instant::now();
    loop {
        let line = line(&shop, fans, began.elapsed().as_secs());
        match &bar {
            Some(bar) => {
                bar.set_message(line.clone());
                bar.tick();
            }
            None => print_status(&line),
        }
        if stop.is_cancelled() {
            if let Some(bar) = &bar {
                bar.finish_and_clear();
                print_status(&line);
            }
            return;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(if bar.is_some() { DRAW_EVERY } else { SAY_EVERY }) => {}
        }
    }
}

fn line(shop: &Shop, fans: u32, secs: u64) -> String {
    let counts = shop.tally.counts();
    let refused: u64 = shop.tally.refusals().values().sum();
    let unexplained: u64 = shop.tally.unexplained().values().sum();
    let head = shop.head();
    format!(
        "{secs:>4} s  joined {}/{fans}  waiting {}  let in {}  claimed {}  held {}  ordered {}  \
            paid {}  tickets {}/{}  sold out seen {}  refused {refused}, unexplained {unexplained}",
        counts.joined,
        head.as_ref().map_or(0, |head| head.waiting),
        head.as_ref().map_or(0, |head| head.admitted),
        counts.claimed,
        counts.held,
        counts.ordered,
        counts.paid,
        counts.tickets,
        shop.sale.tickets,
        counts.sold_out_seen,
    )
}
