//! How far long work has come, on standard error.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that ends sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a bar is ever drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Never,
    Later,
}

/// One piece of long work. Dropped, it leaves nothing on the screen.
pub struct Progress {
    bar: Option<ProgressBar>,
    start: Instant,
    is_drawn: bool,
    style: [&'static str; 2],
    done: u64,
    /// Work that cannot count its steps: dropped, this wakes the thread that would draw.
    waiting: Option<mpsc::Sender<()>>,
}

const COUNTED: [&str; 2] = [
    "{msg} [{bar:30}] {human_pos}/{human_len} {per_sec}, {eta} left",
    "{spinner} {msg} {human_pos}, {per_sec}, {elapsed}",
];
const BYTES: [&str; 2] = [
    "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left",
    "{spinner} {msg} {bytes}, {bytes_per_sec}, {elapsed}",
];

impl Progress {
    pub(crate) fn new(what: &str, total: Option<u64>, seen: Seen) -> (Progress, Option<ProgressBar>) {
        let bar = (seen == Seen::Later).then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
            bar.set_message(what.to_owned());
            bar
        });
        let progress = Progress {
            bar: bar.clone(),
            start: Instant::now(),
            is_drawn: false,
            style: COUNTED,
            done: 0,
            waiting: None,
        };
        (progress, bar)
    }

    /// Work that nobody is shown, for callers without an output.
    pub fn hidden() -> Progress {
        Progress::new("", None, Seen::Never).0
    }

    /// Shows that something goes on, for work that cannot count its steps: nobody has to call [`Progress::add`].
    #[must_use]
    pub fn alive(mut self) -> Progress {
        let Some(bar) = self.bar.clone() else { return self };
        let (waiting, ended) = mpsc::channel::<()>();
        let drawn = thread::Builder::new().name("progress".into()).spawn(move || {
            if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                draw(&bar, "{spinner} {msg} {elapsed}");
                bar.enable_steady_tick(Duration::from_millis(120));
            }
        });
        if drawn.is_ok() {
            self.waiting = Some(waiting);
            self.is_drawn = true;
        }
        self
    }

    /// Steps are bytes.
    #[must_use]
    pub fn in_bytes(mut self) -> Progress {
        self.style = BYTES;
        self
    }

    /// So many steps more are done.
    pub fn add(&mut self, steps: u64) {
        self.done += steps;
        self.show();
    }

    /// So many steps are done in all.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        self.show();
    }

    /// What is being worked on now.
    pub fn say(&mut self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    fn show(&mut self) {
        let Some(bar) = &self.bar else { return };
        if !self.is_drawn {
            if self.start.elapsed() < PATIENCE {
                return;
            }
            self.is_drawn = true;
            draw(bar, self.style[usize::from(bar.length().is_none())]);
        }
        bar.set_position(self.done);
    }
}

/// From here on the bar is seen.
fn draw(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("█▌ "));
    }
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.waiting = None;
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
