//! Links every core crate into one static library that has no operating system under it.
#![no_std]

use core::panic::PanicInfo;

use dolmen_base as _;
use dolmen_codec as _;
use dolmen_simd as _;
#[cfg(feature = "all")]
use {
    dolmen_bti as _, dolmen_lsm as _, dolmen_resp as _, dolmen_ring as _, dolmen_sim as _,
    dolmen_skiplist as _, dolmen_text as _, dolmen_wal as _,
};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

mod memory {
    use core::alloc::{GlobalAlloc, Layout};

    /// Has nothing to give: what is proved here is that everything links.
    struct Nothing;

    // SAFETY: a null pointer is the documented answer for "no memory"; `dealloc` can never be given a block of ours.
    unsafe impl GlobalAlloc for Nothing {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            core::ptr::null_mut()
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }

    #[global_allocator]
    static MEMORY: Nothing = Nothing;
}
