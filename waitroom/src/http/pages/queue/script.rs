//! The scripts that keep the queue page alive; without them it reloads itself: by the page's own
//! `refresh` where no script runs, by `guard.js` where these do not come to life.

use std::sync::LazyLock;

use axum::Router;
use kit::asset::{Asset, JAVASCRIPT};

macro_rules! module {
    ($name:literal, $imports:expr) => {
        Asset {
            name: $name,
            mime: JAVASCRIPT,
            body: include_str!(concat!("../../../../assets/", $name)),
            imports: $imports,
        }
    };
}

/// What a wait is and how it is told, without a page.
static WAIT_JS: Asset = module!("wait.js", &[]);
static PAGE_JS: Asset = module!("page.js", &[]);
static ALERTS_JS: Asset = module!("alerts.js", &[]);
static POLL_JS: Asset = module!("poll.js", &[&WAIT_JS]);
static LINE_JS: Asset = module!("line.js", &[&PAGE_JS, &POLL_JS, &WAIT_JS, &ALERTS_JS]);
static TURN_JS: Asset = module!("turn.js", &[&PAGE_JS]);
/// Runs beside the page.
static CLOCK_JS: Asset = module!("clock.js", &[]);
/// Only for whoever is in a draw, or asks to check their place.
static DRAW_JS: Asset = module!("draw.js", &[]);
static PROOF_JS: Asset = module!("proof.js", &[&PAGE_JS, &DRAW_JS]);
static QUEUE_JS: Asset = module!(
    "queue.js",
    &[&WAIT_JS, &POLL_JS, &PAGE_JS, &ALERTS_JS, &LINE_JS, &TURN_JS, &CLOCK_JS, &DRAW_JS, &PROOF_JS,]
);
/// No module, and nothing's import: it runs where those do not.
static GUARD_JS: Asset = module!("guard.js", &[]);
const MODULES: &[&Asset] = &[&WAIT_JS, &POLL_JS, &PAGE_JS, &ALERTS_JS, &LINE_JS, &TURN_JS];

/// Where the page finds its script.
pub static QUEUE: LazyLock<String> = LazyLock::new(|| QUEUE_JS.url());
/// Where it finds the one that minds it.
pub static GUARD: LazyLock<String> = LazyLock::new(|| GUARD_JS.url());
/// What the script imports, so that browsers fetch it all at once.
pub static PRELOADED: LazyLock<Vec<String>> =
    LazyLock::new(|| MODULES.iter().map(|module| module.url()).collect());

pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    kit::asset::router(MODULES)
        .merge(kit::asset::router(&[&QUEUE_JS, &CLOCK_JS, &GUARD_JS, &DRAW_JS, &PROOF_JS]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_light_and_name_all_they_import() {
        let mut all = 0;
        for module in MODULES.iter().chain([&&QUEUE_JS, &&CLOCK_JS, &&GUARD_JS]) {
            let body = module.served();
            assert!(body.len() < 15 * 1024, "{} has {} bytes", module.name, body.len());
            assert!(!body.contains("\"./"), "{}: an import without its version", module.name);
            all += body.len();
        }
        assert!(all < 32 * 1024, "{all} bytes");
        for module in [&DRAW_JS, &PROOF_JS] {
            let body = module.served();
            assert!(body.len() < 5 * 1024 && !body.contains("\"./"), "{}", module.name);
        }
        assert!(kit::asset::STYLESHEET.body.len() < 30 * 1024);
    }

    #[test]
    fn the_guard_runs_in_browsers_that_know_no_modules() {
        let body = GUARD_JS.served();
        for newer in ["=>", "const ", "let ", "`", "?.", "import ", "export ", "async "] {
            let code = body.lines().filter(|line| !line.starts_with("//"));
            assert!(code.clone().all(|line| !line.contains(newer)), "{newer}");
        }
    }
}
