//! The settings of a running `ops/up`, for the tools beside it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use anyhow::Context;
use kit::settings::{Env, ProcessEnv, fall_back_to};

use crate::print_status;

/// Where `ops/up` keeps what it runs with, below the folder it stands in.
const FILE: &str = ".fairgate/up/settings.env";
/// Whoever names one of these means a system of their own. Half of it and half of another would be
/// none.
const SERVERS: [&str; 3] =
    ["FAIRGATE_DATABASE_URL", "FAIRGATE_REDIS_URL", "FAIRGATE_KAFKA_BROKERS"];

/// Takes the settings that the environment does not name from the file of an `ops/up` beside or
/// above the current folder or this program, and says which one.
///
/// # Errors
/// A file that is there and cannot be read.
pub fn find_settings() -> anyhow::Result<()> {
    if SERVERS.into_iter().any(|server| ProcessEnv.get(server).is_some()) {
        return Ok(());
    }
    let program = std::env::current_exe().ok();
    let folders = std::env::current_dir().into_iter().chain(program);
    let Some(file) = folders.filter_map(|folder| beside_or_above(&folder)).next() else {
        return Ok(());
    };
    let settings = read(&file).with_context(|| format!("reading {}", file.display()))?;
    print_status(&format!("fairgate: with the settings of {}", file.display()));
    fall_back_to(settings);
    Ok(())
}

fn beside_or_above(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(FILE)).find(|file| file.is_file())
}

/// `FAIRGATE_NAME='value'` lines, as a shell reads them.
fn read(file: &Path) -> anyhow::Result<HashMap<String, String>> {
    Ok(dotenvy::from_path_iter(file)?.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_found_from_below_and_read_as_a_shell_would() {
        let root = std::env::temp_dir().join(format!("fairgate-{}", uuid::Uuid::new_v4().simple()));
        let (below, file) = (root.join("ops/src"), root.join(FILE));
        std::fs::create_dir_all(&below).expect("folders");
        assert_eq!(beside_or_above(&below), None);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
        let lines = "FAIRGATE_PASS_KEYS='k4.secret.a,k4.secret.b'\nFAIRGATE_MAIL_FROM='Ada'\\''s \
            $HALL <ada@fairgate.example>'\n";
        std::fs::write(&file, lines).expect("written");
        assert_eq!(beside_or_above(&below).as_deref(), Some(&*file));
        let settings = read(&file).expect("read");
        assert_eq!(settings["FAIRGATE_PASS_KEYS"], "k4.secret.a,k4.secret.b");
        assert_eq!(settings["FAIRGATE_MAIL_FROM"], "Ada's $HALL <ada@fairgate.example>");
        std::fs::remove_dir_all(&root).expect("removed");
    }
}
