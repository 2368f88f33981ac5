//! Clocks and counters of this process.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The time of one phase.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// On the wall.
    pub wall: Duration,
    /// CPU time of the calling thread, system calls included.
    pub thread: Duration,
    /// CPU time of all threads.
    pub process: Duration,
}

fn cpu(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// CPU time of all threads so far.
pub fn process_cpu() -> Duration {
    cpu(ClockId::ProcessCPUTime)
}

/// Runs `work` and says what it took.
pub fn span<R>(work: impl FnOnce() -> R) -> (R, Span) {
    let (wall, thread, process) = (Instant::now(), cpu(ClockId::ThreadCPUTime), process_cpu());
    let answer = work();
    let span = Span {
        wall: wall.elapsed(),
        thread: cpu(ClockId::ThreadCPUTime) - thread,
        process: process_cpu() - process,
    };
    (answer, span)
}

/// Waits until all threads together have been idle for a while.
pub fn wait_until_idle() {
    let (window, idle_below) = (Duration::from_millis(300), Duration::from_millis(3));
    loop {
        let before = process_cpu();
        std::thread::sleep(window);
        if process_cpu() - before < idle_below {
            return;
        }
    }
}

/// A line of a file under `/proc/self` as a number.
fn proc_number(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(Path::new("/proc/self").join(file)).unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(name));
    line.and_then(|l| l.trim_start_matches([':', ' ', '\t']).split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Most memory resident so far, in bytes.
pub fn rss_peak() -> u64 {
    proc_number("status", "VmHWM") << 10
}

/// Bytes passed to write calls so far.
pub fn written() -> u64 {
    proc_number("io", "wchar")
}

/// Bytes that went towards the device so far.
pub fn written_to_device() -> u64 {
    proc_number("io", "write_bytes")
}

/// Bytes that the files below `dir` take on the disk.
pub fn disk(dir: &Path) -> u64 {
    let (mut sum, mut open) = (0, vec![dir.to_owned()]);
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(m) if m.is_dir() => open.push(entry.path()),
                Ok(m) => sum += m.blocks() * 512,
                Err(_) => {}
            }
        }
    }
    sum
}
