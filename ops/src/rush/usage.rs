//! What the bots take of the machine themselves.

use serde::Serialize;

/// Processor time and memory of this process. Zero where the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Usage {
    pub cpu_secs: f64,
    pub memory_max_mb: f64,
}

/// As the kernel counts it, in all the systems that this runs on.
const TICKS_PER_SEC: f64 = 100.0;

impl Usage {
    pub fn now() -> Self {
        let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
        Self {
            cpu_secs: cpu_secs(&read("/proc/self/stat")).unwrap_or_default(),
            memory_max_mb: memory_max_mb(&read("/proc/self/status")).unwrap_or_default(),
        }
    }
}

/// Fields 14 and 15, counted behind the name, which may have spaces in it.
fn cpu_secs(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Some((ticks.next()?.ok()? + ticks.next()?.ok()?) / TICKS_PER_SEC)
}

fn memory_max_mb(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kilobytes / 1024.0).round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let stat = "7 (a name) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 1 0 100";
        assert_eq!(cpu_secs(stat), Some(2.0));
        assert_eq!(memory_max_mb("Name:\tx\nVmHWM:\t  204800 kB\n"), Some(200.0));
        assert_eq!((cpu_secs(""), memory_max_mb("")), (None, None));
    }
}
