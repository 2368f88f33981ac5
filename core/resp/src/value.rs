//! Values on their way: small ones are copied, large ones change hands.

use alloc::sync::Arc;
use alloc::vec::Vec;

/// Bytes from which on a value is handed over instead of copied: an argument of this length is received into a buffer of its own,
/// which becomes the pending value, and a reply of this length is sent from where it lies.
pub const LARGE_LEN: usize = 64 << 10;

/// Bytes that several may hold: a received argument, a piece of a block or of a memtable.
pub type Shared = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// What a key is set to.
#[derive(Clone)]
pub enum NewValue<'a> {
    /// Bytes to copy.
    Copy(&'a [u8]),
    /// Bytes to hold.
    Hold(Shared),
}

impl<'a> NewValue<'a> {
    /// Of bytes that the caller owns.
    pub fn owned(bytes: Vec<u8>) -> NewValue<'a> {
        NewValue::Hold(Arc::new(bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            NewValue::Copy(bytes) => bytes,
            NewValue::Hold(shared) => shared.as_ref().as_ref(),
        }
    }
}

impl core::fmt::Debug for NewValue<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes", self.bytes().len())
    }
}
