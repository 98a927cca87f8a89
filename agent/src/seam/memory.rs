//! Memory that a burst took and nobody uses: given back to the system. An office is idle for most of
//! the day.

/// Has the allocator give back from the first moment on: at most two arenas for all threads, large
/// pieces straight from the system, and nothing kept above them. By itself glibc makes an arena for
/// each thread, and after the first large piece that is freed it keeps all later ones of that size.
/// To be called once, before there are threads.
pub fn keep_little() {
    #[cfg(target_env = "gnu")]
    for (option, value) in [
        (libc::M_ARENA_MAX, 2),
        (libc::M_MMAP_THRESHOLD, LARGE_BYTES),
        (libc::M_TRIM_THRESHOLD, LARGE_BYTES),
    ] {
        #[expect(unsafe_code, reason = "mallopt(3) sets a figure of the allocator")]
        // SAFETY: no precondition but that no other thread is there yet.
        let _ = unsafe { libc::mallopt(option, value) };
    }
}

/// From where on a piece is a large one, in bytes: glibc's own, before it adapts it.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: i32 = 128 * 1024;

/// Gives back what the allocator keeps for later. Takes about a millisecond.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        #[expect(unsafe_code, reason = "malloc_trim(3) touches only what nobody has allocated")]
        // SAFETY: no precondition; thread-safe by its manual.
        let _ = unsafe { libc::malloc_trim(0) };
    }
}
