//! What the kernel says of a process, and the clock.

use core::time::Duration;
use std::io;
use std::time::Instant;

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;

/// The one place where the clock is read.
pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a load client measures time")]
    Instant::now()
}

/// The processor time of all threads of a process so far, in user and in kernel mode.
pub(crate) fn cpu(pid: u32) -> io::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path)?;
    ticks(&text)
        // On Linux a tick is 10 ms for whoever reads it from outside the kernel.
        .map(|ticks| Duration::from_millis(10 * ticks))
        .ok_or_else(|| unknown_form(&path))
}

fn ticks(stat: &str) -> Option<u64> {
    // The name of the program is in brackets and may hold spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, kernel) = (times.next()?.ok()?, times.next()?.ok()?);
    Some(user + kernel)
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> io::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path)?;
    kilobytes(&text).map(|kilobytes| kilobytes * 1024).ok_or_else(|| unknown_form(&path))
}

fn kilobytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

fn unknown_form(path: &str) -> io::Error {
    io::Error::other(format!("{path} has an unknown form"))
}

/// Lets this process, and those it starts, hold as many files as the system allows them. Tells how
/// many that are.
pub(crate) fn raise_files() -> u64 {
    let Rlimit { maximum, current } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    if setrlimit(Resource::Nofile, raised).is_ok() { maximum } else { current }.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_a_name_with_brackets_and_spaces() {
        let stat = "42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0";
        assert_eq!(ticks(stat), Some(200));
        assert_eq!(ticks("42 (a"), None);
    }

    #[test]
    fn resident_memory_is_found_by_its_name() {
        assert_eq!(kilobytes("VmPeak:\t 9 kB\nVmRSS:\t    1234 kB\n"), Some(1234));
        assert_eq!(kilobytes("VmPeak:\t 9 kB\n"), None);
    }

    #[test]
    fn this_process_has_memory_and_has_taken_time() {
        assert!(resident(std::process::id()).unwrap() > 100_000);
        cpu(std::process::id()).unwrap();
    }
}
