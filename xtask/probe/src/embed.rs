//! The example of `dolmen-lsm`, as it is: a durable store on a fixed block of memory.

#[path = "../../../core/lsm/examples/embed/disk.rs"]
mod disk;
#[path = "../../../core/lsm/examples/embed/store.rs"]
mod store;

/// Puts a value, flushes, and finds it again behind a reboot.
///
/// # Safety
/// `memory` is the only reference to a whole disk.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dolmen_embed(memory: *mut disk::Memory) -> bool {
    // SAFETY: the caller's promise.
    kept(unsafe { &mut *memory }).unwrap_or(false)
}

fn kept(memory: &mut disk::Memory) -> Result<bool, store::Error> {
    let mut store = store::Store::open(memory)?;
    store.put(b"key", b"value")?;
    store.flush()?;
    Ok(store::Store::open(memory)?.get(b"key")?.as_deref() == Some(b"value"))
}
