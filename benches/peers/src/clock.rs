//! CPU time, which other work on the machine disturbs less than the wall's.

/// Seconds that this thread has computed so far.
pub fn of_thread() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a place for one timespec, and the call writes nothing else.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "every Linux has this clock");
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Seconds that children of this process which have ended computed, in user and system.
pub fn of_children() -> f64 {
    // SAFETY: a `rusage` is numbers alone, of which zeros are sound.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `used` is a place for one rusage, and the call writes nothing else.
    let failed = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut used) };
    assert_eq!(failed, 0, "children can be asked for on every Unix");
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(used.ru_utime) + seconds(used.ru_stime)
}

/// What a piece of work gives, and the CPU seconds that it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let begin = of_thread();
    let given = work();
    (given, of_thread() - begin)
}
