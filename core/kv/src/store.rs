//! What the engine asks of a store: reads, as of one moment.

use dolmen_resp::fault::Fault;

use crate::layout::Place;

/// A store as it was at one moment: all reads through one value of this type see the same. For readers that is the end of a generation
/// that was written; under the lock it is whatever has been written, for what is not yet certain there is pending.
///
/// Errors of every method: [`Fault::Absent`] if a part lies on disk only and this view must not wait, [`Fault::Unreadable`] if it cannot
/// be read.
pub trait Store {
    /// A value as it is read; held, where it is large, for as long as a reply needs it.
    type Value: AsRef<[u8]> + Send + Sync + 'static;

    /// The value of a key.
    ///
    /// # Errors
    /// The trait's.
    fn get(&self, place: Place, key: &[u8]) -> Result<Option<Self::Value>, Fault>;

    /// Whether a key is there, without reading its value.
    ///
    /// # Errors
    /// The trait's.
    fn contains(&self, place: Place, key: &[u8]) -> Result<bool, Fault>;

    /// Calls `visit` with the keys of `from..to` (`None`: to the end; without `from` itself if `after`), in order, until it returns `false`.
    ///
    /// # Errors
    /// The trait's, and those of `visit`.
    fn walk(
        &self,
        place: Place,
        from: &[u8],
        after: bool,
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
    ) -> Result<(), Fault>;

    /// The same from the end of `from..to` backwards.
    ///
    /// # Errors
    /// The trait's, and those of `visit`.
    fn walk_back(
        &self,
        place: Place,
        from: &[u8],
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(&[u8]) -> Result<bool, Fault>,
    ) -> Result<(), Fault>;
}
