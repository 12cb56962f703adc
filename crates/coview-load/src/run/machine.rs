//! Where and when it is measured.

use std::fs::read_to_string;
use std::time::SystemTime;

use crate::record::Machine;

/// What the kernel tells of this machine.
pub(super) fn look(pinned: bool) -> Machine {
    let read = |path| read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let kilobytes = field(&read("/proc/meminfo"), "MemTotal")
        .and_then(|value| value.split_whitespace().next()?.parse::<f64>().ok());
    let load = read("/proc/loadavg");
    Machine {
        processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        memory_gib: (kilobytes.unwrap_or_default() / f64::from(1 << 20)).round(),
        kernel: series(&read("/proc/sys/kernel/osrelease")),
        pinned,
        load_before: load
            .split_whitespace()
            .next()
            .and_then(|word| word.parse().ok())
            .unwrap_or(0.0),
    }
}

/// The series of a kernel's release: what follows names a distribution's or a host's own build.
fn series(release: &str) -> String {
    release.trim().split('.').take(2).collect::<Vec<_>>().join(".")
}

/// The day, in UTC.
pub(super) fn today() -> String {
    #[expect(clippy::disallowed_methods, reason = "a record says when it was made")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    date(since.as_secs() / 86_400)
}

/// The date so many days after 1970-01-01, by the civil calendar.
fn date(days: u64) -> String {
    // Years are counted from the first of March, so that the day of a leap year is a year's last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year}-{month:02}-{day_of_month:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(19_781), "2024-02-28");
        assert_eq!(date(19_782), "2024-02-29");
        assert_eq!(date(19_783), "2024-03-01");
        assert_eq!(date(20_780), "2026-11-23");
    }

    #[test]
    fn a_kernel_is_known_by_its_series() {
        assert_eq!(series("6.18.44-amd64\n"), "6.18");
    }

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = look(true);
        assert!(machine.cores >= 1 && machine.memory_gib > 0.0);
        assert_ne!(machine.kernel, "");
    }
}
