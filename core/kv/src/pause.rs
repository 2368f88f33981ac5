//! CLIENT PAUSE: what is held back, and until when, in one number that many threads may look at.

use dolmen_resp::keyspace::Pause;

/// Longest pause: whatever is asked for, the server comes back within a year.
const PAUSE_MS_MAX: u64 = 1000 * 60 * 60 * 24 * 366;

/// Twice the end in milliseconds of a clock that never goes back, plus 1 if all commands are held; 0: nothing is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paused(pub u64);

impl Paused {
    /// What is held back at `now`.
    pub fn what(self, now_ms: u64) -> Option<Pause> {
        let what = if self.0 & 1 == 1 { Pause::All } else { Pause::Write };
        (self.0 / 2 > now_ms).then_some(what)
    }

    /// A pause that goes on is only ever widened, in time and in kind.
    pub fn widened(self, now_ms: u64, duration_ms: u64, what: Pause) -> Paused {
        let new = (now_ms + duration_ms.min(PAUSE_MS_MAX)) * 2 + u64::from(what == Pause::All);
        match self.what(now_ms) {
            Some(_) => Paused((self.0.max(new) & !1) | (self.0 | new) & 1),
            None => Paused(new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_end_and_are_only_widened() {
        let none = Paused::default();
        let write = none.widened(5, 10, Pause::Write);
        assert_eq!((none.what(5), write.what(14), write.what(15)), (None, Some(Pause::Write), None));
        let both = write.widened(6, 1, Pause::All);
        assert_eq!((both.what(14), both.what(15)), (Some(Pause::All), None));
        assert_eq!(both.widened(20, 5, Pause::Write).what(20), Some(Pause::Write));
        assert_eq!(none.widened(5, u64::MAX, Pause::All).what(5), Some(Pause::All));
    }
}
