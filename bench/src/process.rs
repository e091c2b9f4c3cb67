//! What a process used, as Linux counts it: CPU time of all its threads, and resident memory.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A process and all processes it started, such as a master and its workers.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The process at its head.
    pub pid: u32,
}

impl Family {
    /// The head and all below it.
    ///
    /// # Errors
    /// The head is gone.
    pub fn members(self) -> io::Result<Vec<u32>> {
        let mut found = vec![self.pid];
        let mut at = 0;
        while let Some(pid) = found.get(at).copied() {
            for thread in threads(pid)? {
                let children = std::fs::read_to_string(thread.join("children")).unwrap_or_default();
                found.extend(
                    children
                        .split_whitespace()
                        .filter_map(|p| p.parse::<u32>().ok()),
                );
            }
            at += 1;
        }
        Ok(found)
    }

    /// CPU time so far, of every thread that lives. `schedstat` counts in nanoseconds, where the
    /// kernel has it; `stat` counts in ticks, which are hundredths of a second.
    ///
    /// # Errors
    /// A process is gone.
    pub fn cpu(self) -> io::Result<Duration> {
        let mut sum = Duration::ZERO;
        for pid in self.members()? {
            sum += cpu_of(pid)?;
        }
        Ok(sum)
    }

    /// Resident memory in bytes.
    ///
    /// # Errors
    /// A process is gone.
    pub fn resident(self) -> io::Result<u64> {
        let mut sum = 0;
        for pid in self.members()? {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
            let kib = status
                .lines()
                .find_map(|line| {
                    line.strip_prefix("VmRSS:")?
                        .split_whitespace()
                        .next()?
                        .parse()
                        .ok()
                })
                .unwrap_or(0_u64);
            sum += kib * 1_024;
        }
        Ok(sum)
    }
}

fn threads(pid: u32) -> io::Result<Vec<PathBuf>> {
    let folder = std::fs::read_dir(format!("/proc/{pid}/task"))?;
    folder.map(|entry| Ok(entry?.path())).collect()
}

fn cpu_of(pid: u32) -> io::Result<Duration> {
    let mut ns = 0_u64;
    for thread in threads(pid)? {
        match std::fs::read_to_string(thread.join("schedstat")) {
            Ok(text) => ns += number(text.split_whitespace().next()),
            // A thread that ended between the two looks.
            Err(error) if error.kind() == io::ErrorKind::NotFound && thread.exists() => {
                return ticks(pid);
            }
            Err(_) => {}
        }
    }
    if ns == 0 {
        return ticks(pid);
    }
    Ok(Duration::from_nanos(ns))
}

/// `utime` and `stime`, fields 14 and 15 of `/proc/PID/stat`; the name before them may hold blanks.
fn ticks(pid: u32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = after.split_whitespace().skip(11);
    let ticks = number(fields.next()) + number(fields.next());
    Ok(Duration::from_millis(ticks * 10))
}

fn number(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_cpu_and_memory() {
        let this = Family {
            pid: std::process::id(),
        };
        let before = this.cpu().unwrap();
        let mut sum = 0_u64;
        while this.cpu().unwrap() < before + Duration::from_millis(20) {
            sum = (0..100_000_u64).fold(sum, |a, b| a.wrapping_mul(31).wrapping_add(b));
        }
        assert!(this.resident().unwrap() > 1 << 20, "{sum}");
        assert!(ticks(this.pid).unwrap() <= this.cpu().unwrap() + Duration::from_millis(20));
        assert!(Family { pid: u32::MAX }.cpu().is_err());
    }
}
