//! The server under measurement: a process of this binary, so that its memory is its own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use axum::{Router, routing::get};
use kit::{
    limit::{ClientAddress, Policy, per_client},
    settings::{ProcessEnv, Settings},
};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use super::{bench_env::BenchEnv, client};
use crate::serve::{Role, assemble};

/// A handler that does nothing, behind the same layers and a limiter as all others have one: what
/// ours can do at most.
pub const EMPTY: &str = "/bench/empty";
/// One with nothing around it: what the server can do at most.
pub const BARE: &str = "/bench/bare";
/// In which /proc counts, on every Linux that we know of.
const TICKS_PER_SEC: f64 = 100.0;
const READY_WITHIN: Duration = Duration::from_secs(60);
const ENDED_WITHIN: Duration = Duration::from_secs(30);

/// Serves `roles` and [`EMPTY`] until the process is told to end.
///
/// # Errors
/// Settings that need mending, or an address that is taken.
pub async fn serve(roles: &[Role]) -> anyhow::Result<()> {
    let mut server = assemble(roles, &ProcessEnv).await?;
    let nothing = || std::future::ready("");
    let clients = ClientAddress::from_settings(&mut Settings::new(&ProcessEnv));
    let most = NonZeroU32::MIN.saturating_add(999_999);
    let policy = Policy { name: "empty", per_second: most, burst: most };
    let empty = Router::new().route(EMPTY, get(nothing).post(nothing));
    let empty: Router = kit::http::stack(per_client(empty, policy, &clients, &server.tasks));
    // All sides are routes of the same router, and each but the bare one stands behind one stack.
    server.router = server
        .router
        .route_service(EMPTY, empty.into_service())
        .route(BARE, get(nothing).post(nothing));
    server.serve().await
}

/// Free now, and rarely taken within the moment until the server listens.
fn free_addresses() -> std::io::Result<[SocketAddr; 2]> {
    let [one, other] = [(); 2].map(|()| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let (one, other) = (one?, other?);
    Ok([one.local_addr()?, other.local_addr()?])
}

/// A server that runs.
pub struct Served {
    child: Child,
    pub address: SocketAddr,
    management: SocketAddr,
    log: PathBuf,
}

impl Served {
    /// Starts a server of these roles and waits until it is ready.
    ///
    /// # Errors
    /// A server that ends or does not become ready; where its log is, the error says.
    pub async fn start(env: &BenchEnv, roles: &[&str]) -> anyhow::Result<Self> {
        let [address, management] = free_addresses()?;
        let log = std::env::temp_dir().join(format!("fairgate-{}log", env.namespace()));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let child = Command::new(std::env::current_exe()?)
            .arg("bench-server")
            .args(roles)
            .envs(&env.settings)
            .env("FAIRGATE_LISTEN", address.to_string())
            .env("FAIRGATE_MANAGEMENT_LISTEN", management.to_string())
            .env("FAIRGATE_PUBLIC_URL", format!("http://{address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .context("starting a server")?;
        let mut served = Self { child, address, management, log };
        served.await_ready().await?;
        Ok(served)
    }

    async fn await_ready(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + READY_WITHIN;
        let request = client::get("/readyz");
        loop {
            if client::once(self.management, &request)
                .await
                .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended ({status}); its log is {}", self.log.display());
            }
            if Instant::now() >= end {
                bail!("the server did not become ready; its log is {}", self.log.display());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Memory that the process has in RAM, in bytes.
    ///
    /// # Errors
    /// Where the system does not tell (it is read from /proc).
    pub fn memory_bytes(&self) -> anyhow::Result<u64> {
        let pid = self.child.id().context("the server ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("no VmRSS in /proc")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }

    /// Processor time that it took so far, in seconds.
    ///
    /// # Errors
    /// Where the system does not tell (it is read from /proc).
    pub fn processor_secs(&self) -> anyhow::Result<f64> {
        let pid = self.child.id().context("the server ended")?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // Its name stands in brackets, and may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("no name in /proc")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
        let ticks: f64 = ticks.sum::<Result<f64, _>>()?;
        Ok(ticks / TICKS_PER_SEC)
    }

    /// How many requests it answered so far, whatever they were for.
    ///
    /// # Errors
    /// Where it does not tell.
    pub async fn requests(&self) -> anyhow::Result<f64> {
        let answer = client::once(self.management, &client::get("/metrics")).await?;
        let text = String::from_utf8(answer.body).context("the metrics")?;
        let counts = text.lines().filter(|line| line.starts_with("fairgate_http_seconds_count"));
        Ok(counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Ends it as an operator would, so that it leaves its consumer groups.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id() {
            Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        }
        if timeout(ENDED_WITHIN, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        std::fs::remove_file(&self.log).ok();
        Ok(())
    }
}
