//! Ctrl-C: an interrupted scan leaves a whole case or none.
//!
//! The signals are blocked in all threads and awaited in one of their own, so that no handler interrupts anything. That
//! thread takes back what is not a case yet and ends the process; while a case is put into its place, it waits.

use std::sync::{Mutex, MutexGuard, PoisonError};

use exfiltrace::emit::Claim;

/// Signals by which a user or the system asks a program to end.
const SIGNALS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// The folder to leave as it was found.
static CLAIM: Mutex<Option<Claim>> = Mutex::new(None);

/// From now on an interruption ends the process with 128 plus the number of the signal (130 for Ctrl-C). To be called
/// before other threads are started. A signal that is ignored (as under `nohup`) stays ignored.
pub fn watch() {
    let Some(set) = block() else { return };
    let watcher = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        let mut signal = 0;
        // SAFETY: both point to values that live through the call; `sigwait` writes to `signal` alone.
        while unsafe { libc::sigwait(&raw const set, &raw mut signal) } != 0 {}
        end(signal);
    });
    drop(watcher);
}

/// Blocks the signals that are not ignored; `None` where there are none, or where the system refuses.
fn block() -> Option<libc::sigset_t> {
    // SAFETY: `sigset_t` and `sigaction` are plain data for which all zeros is a value, each call is given pointers to
    // values that live through it, and `sigaction` with a null action only reads.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        let mut any = false;
        for signal in SIGNALS {
            let mut now: libc::sigaction = std::mem::zeroed();
            let known = libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0;
            if known && now.sa_sigaction != libc::SIG_IGN {
                any |= libc::sigaddset(&raw mut set, signal) == 0;
            }
        }
        let blocked = any && libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) == 0;
        blocked.then_some(set)
    }
}

fn end(signal: libc::c_int) -> ! {
    let claim = lock();
    let left = match &*claim {
        Some(claim) => {
            claim.release();
            "; no case was written"
        }
        None => "",
    };
    anstream::eprintln!("\ninterrupted{left}");
    #[allow(clippy::disallowed_methods, reason = "the thread that waits for signals is part of the shell")]
    std::process::exit(128 + signal);
}

fn lock() -> MutexGuard<'static, Option<Claim>> {
    CLAIM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a folder that an interruption must take back; one that comes while it is being taken waits for it.
///
/// # Errors
/// What `take` says.
pub fn guarded<E>(take: impl FnOnce() -> Result<Claim, E>) -> Result<Claim, E> {
    let mut guarded = lock();
    let claim = take()?;
    *guarded = Some(claim.clone());
    Ok(claim)
}

/// Runs what an interruption must wait for, after which there is nothing to take back where it succeeds.
pub fn undisturbed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let mut claim = lock();
    let done = work()?;
    *claim = None;
    Ok(done)
}

/// Takes back what is not a case, where a scan fails.
pub fn give_up() {
    if let Some(claim) = lock().take() {
        claim.release();
    }
}
