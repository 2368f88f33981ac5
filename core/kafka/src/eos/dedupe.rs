//! What a sink remembers of messages, so that one that its producer has sent twice is taken once.
//!
//! Each message that names itself gets the next number; the sink keeps `name → number` and `number → name` beside what the message did, in one
//! write. Only the last `capacity` names are kept: numbers below `first` are forgotten.

/// Which numbers are kept: `first..next`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The oldest name's number.
    pub first: u64,
    /// The next name's number.
    pub next: u64,
}

impl Window {
    /// A new name: its number, and the numbers that are forgotten for it.
    pub fn admit(&mut self, capacity: u64) -> (u64, core::ops::Range<u64>) {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let first = self.first.max(self.next.saturating_sub(capacity.max(1)));
        let forgotten = self.first..first;
        self.first = first;
        (number, forgotten)
    }

    /// As 16 bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut out = [0; 16];
        let (first, next) = out.split_at_mut(8);
        first.copy_from_slice(&self.first.to_be_bytes());
        next.copy_from_slice(&self.next.to_be_bytes());
        out
    }

    /// From what [`Window::to_bytes`] gave; `None` if it cannot be that.
    pub fn from_bytes(bytes: &[u8]) -> Option<Window> {
        let (first, next) = bytes.split_first_chunk::<8>()?;
        let next: [u8; 8] = next.try_into().ok()?;
        let window = Window { first: u64::from_be_bytes(*first), next: u64::from_be_bytes(next) };
        (window.first <= window.next).then_some(window)
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn only_the_last_names_are_kept() {
        let mut window = Window::default();
        assert_eq!(window.admit(2), (0, 0..0));
        assert_eq!(window.admit(2), (1, 0..0));
        assert_eq!(window.admit(2), (2, 0..1));
        // A smaller capacity forgets more at once.
        assert_eq!(window.admit(1), (3, 1..3));
        assert_eq!(Window::from_bytes(&window.to_bytes()), Some(window));
        assert_eq!(Window::from_bytes(&window.to_bytes()[1..]), None);
        let upside_down = Window { first: 2, next: 1 };
        assert_eq!(Window::from_bytes(&upside_down.to_bytes()), None);
    }
}
