//! Asking for memory before it is needed.

/// Asks the CPU to bring the cache line of this element near; nothing happens beyond the end of the slice, or where the CPU cannot be
/// asked.
#[inline(always)]
pub fn read<T>(slice: &[T], index: usize) {
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    if let Some(element) = slice.get(index) {
        // SAFETY: a prefetch has no effect that a program can see, whatever the address; SSE, which has it, is part of this target.
        unsafe {
            core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(
                core::ptr::from_ref(element).cast(),
            );
        }
    }
    #[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
    let _ = (slice, index);
}
