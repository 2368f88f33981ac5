//! Asking for memory before it is needed, so that misses overlap.

/// Asks for the cache line of `bytes[at]`; nothing is asked for where `at` lies outside. A hint: it changes no result.
#[inline(always)]
pub fn prefetch(bytes: &[u8], at: usize) {
    let Some(byte) = bytes.get(at) else { return };
    // SAFETY: the instruction reads nothing that a program can see and never faults; it is in every CPU of its architecture.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        core::arch::asm!("prefetcht0 [{}]", in(reg) byte, options(nostack, preserves_flags, readonly));
    }
    // SAFETY: as above.
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{}]", in(reg) byte, options(nostack, preserves_flags, readonly));
    }
    let _ = byte;
}
