//! The process' own series, under the names all Prometheus clients use.

use super::text::{Kind, Text};
use std::fs;

/// Ticks per second in `/proc`; Linux gives user space 100 on every machine
/// that Rust supports (`man 5 proc`, `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Adds what the operating system tells; nothing where there is no `/proc`.
pub(super) fn append(text: &mut Text, started_seconds: f64) {
    let name = "process_start_time_seconds";
    let help = "Start time of the process since unix epoch in seconds.";
    text.family(name, Kind::Gauge, help);
    text.sample(name, &[], started_seconds);

    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(bytes) = resident_bytes(&status) {
        let name = "process_resident_memory_bytes";
        text.family(name, Kind::Gauge, "Resident memory size in bytes.");
        text.sample(name, &[], bytes);
    }
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    if let Some(seconds) = cpu_seconds(&stat) {
        let name = "process_cpu_seconds_total";
        let help = "Total user and system CPU time spent in seconds.";
        text.family(name, Kind::Counter, help);
        text.sample(name, &[], seconds);
    }
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    // The second field is the program's name in parentheses and may hold
    // anything; user and system time are the 14th and 15th.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read() {
        assert_eq!(
            resident_bytes("Name:\tx\nVmRSS:\t   12 kB\nThreads:\t1\n"),
            Some(12 * 1_024)
        );
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 9 0 0";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds(""), None);
        assert_eq!(resident_bytes(""), None);
    }
}
