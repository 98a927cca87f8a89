//! Memory that a burst took and nobody uses: given back to the system.

/// Gives back what the allocator keeps for later. After thousands of enrollments in one go that is
/// more than all that is in use, and an office is idle for most of the day. Takes about a
/// millisecond.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    {
        #[expect(unsafe_code, reason = "malloc_trim(3) touches only what nobody has allocated")]
        // SAFETY: no precondition; thread-safe by its manual.
        let _ = unsafe { libc::malloc_trim(0) };
    }
}
