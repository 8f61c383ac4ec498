//! nginx before a server of ours, as `ops/edge/nginx.conf.in` has it: what benches and tests put
//! between those who wait and the origin.

pub mod crowd;

use std::{
    fs::{self, Permissions},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

const CONFIG: &str = include_str!("../edge/nginx.conf.in");
/// Debian keeps it in sbin, which is not on everybody's PATH.
const PROGRAMS: [&str; 2] = ["nginx", "/usr/sbin/nginx"];
const READY_WITHIN: Duration = Duration::from_secs(10);
/// What nginx wants to write to, below its own folder.
const FOLDERS: [&str; 5] = ["body", "proxy", "fastcgi", "uwsgi", "scgi"];

/// A private nginx, ended with this.
pub struct Edge {
    child: Child,
    pub address: SocketAddr,
    folder: PathBuf,
}

/// How often what was asked of the edge reached the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reached {
    pub answers: usize,
    pub origin: usize,
}

impl Edge {
    /// Starts one before `origin` and waits until it answers. With `logs`, [`Edge::reached`] can be
    /// asked.
    ///
    /// # Errors
    /// Where nginx is missing or does not start.
    pub async fn start(origin: SocketAddr, logs: bool) -> anyhow::Result<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let folder = std::env::temp_dir().join(format!("fairgate-edge-{}", uuid::Uuid::new_v4()));
        for name in FOLDERS {
            fs::create_dir_all(folder.join(name))?;
        }
        // Where root starts it, its workers are somebody else.
        fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        let config = folder.join("nginx.conf");
        fs::write(&config, filled_in(&folder, address, origin, logs))?;
        let mut edge = Self { child: spawned(&folder, &config)?, address, folder };
        edge.await_ready().await?;
        Ok(edge)
    }

    async fn await_ready(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + READY_WITHIN;
        while TcpStream::connect(self.address).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(self.folder.join("error.log")).unwrap_or_default();
                bail!("nginx ended ({status}): {said}");
            }
            if Instant::now() >= end {
                bail!("nginx did not answer within {READY_WITHIN:?}");
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What was asked for below `path` so far, by nginx's own log.
    ///
    /// # Errors
    /// Where it keeps none.
    pub fn reached(&self, path: &str) -> anyhow::Result<Reached> {
        let log = fs::read_to_string(self.folder.join("access.log"))?;
        let mut reached = Reached::default();
        for line in log.lines() {
            let [_, upstream, _, _, asked] =
                line.split(' ').collect::<Vec<_>>().try_into().unwrap_or_default();
            if asked.starts_with(path) {
                reached.answers += 1;
                reached.origin += usize::from(upstream != "-");
            }
        }
        Ok(reached)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // Killed outright, it would leave its workers behind.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn filled_in(folder: &Path, address: SocketAddr, origin: SocketAddr, logs: bool) -> String {
    let dir = folder.display().to_string();
    let log = if logs { format!("{dir}/access.log edge") } else { "off".to_owned() };
    CONFIG
        .replace("@DIR@", &dir)
        .replace("@LISTEN@", &address.to_string())
        .replace("@LOG@", &log)
        .replace("@CACHE@", "fairgate")
        .replace("@BACKENDS@", &format!("    server {origin};"))
}

fn spawned(folder: &Path, config: &Path) -> anyhow::Result<Child> {
    let start = |program: &str| {
        Command::new(program)
            .arg("-e")
            .arg(folder.join("error.log"))
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    };
    let found = PROGRAMS.iter().find_map(|program| start(program).ok());
    found.context("nginx could not be started; install the package nginx")
}
