//! Links every core crate into one static library that has no operating system under it.
#![no_std]

use core::panic::PanicInfo;

use dolmen_base as _;
use dolmen_codec as _;
use dolmen_simd as _;
// written by `cargo xtask systems`: crates
#[cfg(feature = "all")]
use dolmen_bti as _;
#[cfg(feature = "all")]
use dolmen_hnsw as _;
#[cfg(feature = "all")]
use dolmen_kafka as _;
#[cfg(feature = "all")]
use dolmen_kv as _;
#[cfg(feature = "all")]
use dolmen_llm as _;
#[cfg(feature = "all")]
use dolmen_lsm as _;
#[cfg(feature = "all")]
use dolmen_resp as _;
#[cfg(feature = "all")]
use dolmen_ring as _;
#[cfg(feature = "all")]
use dolmen_s3 as _;
#[cfg(feature = "all")]
use dolmen_sim as _;
#[cfg(feature = "all")]
use dolmen_skiplist as _;
#[cfg(feature = "all")]
use dolmen_sql as _;
#[cfg(feature = "all")]
use dolmen_tensor as _;
#[cfg(feature = "all")]
use dolmen_text as _;
#[cfg(feature = "all")]
use dolmen_tokenizer as _;
#[cfg(feature = "all")]
use dolmen_wal as _;
// end of crates

#[cfg(feature = "all")]
extern crate alloc;

#[cfg(feature = "all")]
mod embed;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

mod memory {
    use core::alloc::{GlobalAlloc, Layout};
    use core::cell::UnsafeCell;
    use core::ptr::null_mut;
    use core::sync::atomic::{AtomicUsize, Ordering};

    const LEN: usize = if cfg!(feature = "all") { 8 << 20 } else { 1 << 10 };

    /// A fixed block that is given out from its start on and never taken back.
    struct Bump {
        block: UnsafeCell<[u8; LEN]>,
        used: AtomicUsize,
    }

    // SAFETY: the block is only ever used through disjoint pieces, which `alloc` gives out by an atomic step.
    unsafe impl Sync for Bump {}

    // SAFETY: each piece lies within the block, aligned as asked, and is given out once; null says that there is no more.
    unsafe impl GlobalAlloc for Bump {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let start = self.block.get().cast::<u8>();
            let piece = |used: usize| {
                let pad = start.wrapping_add(used).align_offset(layout.align());
                let from = used.checked_add(pad)?;
                Some((from, from.checked_add(layout.size()).filter(|&end| end <= LEN)?))
            };
            let step = |used| piece(used).map(|(_, end)| end);
            match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
                Ok(used) => piece(used).map_or(null_mut(), |(from, _)| start.wrapping_add(from)),
                Err(_) => null_mut(),
            }
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }

    #[global_allocator]
    static MEMORY: Bump = Bump { block: UnsafeCell::new([0; LEN]), used: AtomicUsize::new(0) };
}
