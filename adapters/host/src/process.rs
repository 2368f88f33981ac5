//! What the kernel knows about this process; nothing where there is no `/proc`.

use std::fs::read_to_string;

use crate::metrics::Metrics;

/// Ticks per second in `/proc`: fixed by the kernel's interface on every architecture that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Fields of `/proc/self/stat` behind the name, the state first.
fn stat() -> Vec<String> {
    let text = read_to_string("/proc/self/stat").unwrap_or_default();
    text.rsplit(") ").next().unwrap_or("").split_whitespace().map(String::from).collect()
}

fn number(fields: &[String], at: usize) -> f64 {
    fields.get(at).and_then(|f| f.parse().ok()).unwrap_or(0.0)
}

/// Seconds on a processor: in programs, in the kernel.
pub fn cpu_seconds() -> (f64, f64) {
    let fields = stat();
    (number(&fields, 11) / TICKS_PER_SECOND, number(&fields, 12) / TICKS_PER_SECOND)
}

/// Bytes in memory.
pub fn resident_bytes() -> u64 {
    let text = read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0)
        * rustix::param::page_size() as u64
}

/// Raises the limit of open files to what this process may have, and says what that is.
pub fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() {
        return maximum.unwrap_or(u64::MAX);
    }
    current.unwrap_or(u64::MAX)
}

/// The standard set of Prometheus's clients.
pub(crate) fn metrics(out: &mut Metrics) {
    let fields = stat();
    if fields.is_empty() {
        return;
    }
    let (user, system) = cpu_seconds();
    out.counter("process_cpu_seconds_total", "Time on a processor, in programs and in the kernel.")
        .sample(&[], user + system);
    out.gauge("process_resident_memory_bytes", "Memory in use.").sample(&[], resident_bytes());
    out.gauge("process_virtual_memory_bytes", "Address space in use.").sample(&[], number(&fields, 20));
    out.gauge("process_threads", "Threads.").sample(&[], number(&fields, 17));
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        out.gauge("process_open_fds", "Open file descriptors.").sample(&[], open.count());
    }
    let limits = read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits.lines().find_map(|l| l.strip_prefix("Max open files"));
    if let Some(max) = files.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()) {
        out.gauge("process_max_fds", "File descriptors that may be open.").sample(&[], max);
    }
    let stat = read_to_string("/proc/stat").unwrap_or_default();
    let boot = stat.lines().find_map(|l| l.strip_prefix("btime ")?.parse::<f64>().ok());
    if let Some(boot) = boot {
        out.gauge("process_start_time_seconds", "Start of the process, Unix time.")
            .sample(&[], boot + number(&fields, 19) / TICKS_PER_SECOND);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_descriptors_is_raised_to_what_is_allowed() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(500), maximum }).unwrap();
        let raised = raise_descriptors();
        assert_eq!(
            (Some(raised), getrlimit(Resource::Nofile).current),
            (maximum.or(Some(u64::MAX)), maximum)
        );
        assert!(raised > 500);
    }
}
