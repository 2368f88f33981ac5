//! How tasks hear of their writes: those of a group are told one after the other by a thread of the store, but only the first is woken from
//! there, and wakes the others. A wake from outside of the runtime is a call of the system, one from within is not.
//!
//! While the list of who is to be woken is not empty, the first of it has been woken and has not run since: it empties the list when it does,
//! and if it goes without having run, too.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use dolmen_store::WriteError;
use parking_lot::Mutex;

type Outcome = Result<(), WriteError>;

/// Who is to be woken.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<Arc<Slot>>>);

#[derive(Default)]
struct Slot(Mutex<State>);

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
    /// Nobody waits any more, and nobody would empty the list.
    is_left: bool,
}

impl Slot {
    fn wake(&self) {
        let waker = self.0.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Waits for the end of one write.
pub(crate) struct Waiting {
    told: Arc<Told>,
    slot: Arc<Slot>,
}

impl Told {
    /// What hears of a write's end, and what waits for that.
    pub fn waiting(self: &Arc<Self>) -> (impl FnOnce(Outcome) + Send + 'static, Waiting) {
        let waiting = Waiting { told: self.clone(), slot: Arc::default() };
        let (told, slot) = (self.clone(), waiting.slot.clone());
        (move |outcome| told.tell(slot, outcome), waiting)
    }

    fn tell(&self, slot: Arc<Slot>, outcome: Outcome) {
        let mut state = slot.0.lock();
        if state.is_left {
            return;
        }
        state.outcome = Some(outcome);
        let mut list = self.0.lock();
        let is_first = list.is_empty();
        list.push(slot.clone());
        drop((list, state));
        if is_first {
            slot.wake();
        }
    }

    fn wake_all(&self) {
        let mut list = std::mem::take(&mut *self.0.lock());
        list.drain(..).for_each(|slot| slot.wake());
    }
}

impl Future for Waiting {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut state = self.slot.0.lock();
        match state.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.slot.0.lock().is_left = true;
        self.told.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever goes without having run, or is told before it waits, leaves nobody behind.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everybody_hears_of_the_own_end() {
        let told = Arc::new(Told::default());
        let mut ends = Vec::new();
        let mut tasks = Vec::new();
        for nth in 0..200u64 {
            let (end, waiting) = told.waiting();
            ends.push((nth, end));
            tasks.push(tokio::spawn(async move { (nth, waiting.await) }));
        }
        let teller = std::thread::spawn(move || {
            for (nth, end) in ends {
                end(if nth % 7 == 0 { Err(WriteError::Closed) } else { Ok(()) });
                if nth % 13 == 0 {
                    std::thread::yield_now();
                }
            }
        });
        for (nth, task) in tasks.into_iter().enumerate() {
            if nth % 5 == 0 {
                task.abort();
                let _ = task.await;
                continue;
            }
            let (own, outcome) =
                tokio::time::timeout(std::time::Duration::from_secs(30), task).await.unwrap().unwrap();
            assert_eq!((own, outcome.is_err()), (nth as u64, nth % 7 == 0));
        }
        teller.join().unwrap();
        assert!(told.0.lock().is_empty());
    }
}
