//! A file that shrinks under its map: SIGBUS becomes a flag instead of the end of the process.
//!
//! Windows register their address range in a fixed table. On a fault inside one, the handler lays anonymous zero
//! pages over the rest of the window and raises the window's flag; the reader sees it after its copy, drops the
//! bytes and reads them again with `pread`. Faults elsewhere go to the handler that was there before. The handler
//! touches atomics and calls `mmap` only. `sigaction` and `mmap` are plain libc calls, so that a static glibc build
//! behaves the same.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How many windows can be registered at once; a reader that finds no slot reads with `pread`.
const SLOTS: usize = 256;
/// Start value of a slot that is being filled in.
const TAKEN: usize = 1;

struct Slot {
    /// First address; 0 where the slot is free.
    start: AtomicUsize,
    /// One past the last address.
    end: AtomicUsize,
    /// Whether zero pages were laid over it.
    flagged: AtomicBool,
}

static TABLE: [Slot; SLOTS] =
    [const { Slot { start: AtomicUsize::new(0), end: AtomicUsize::new(0), flagged: AtomicBool::new(false) } }; SLOTS];
static PAGE: AtomicUsize = AtomicUsize::new(4096);
static INSTALL: Once = Once::new();
static INSTALLED: AtomicBool = AtomicBool::new(false);
static BEFORE: Before = Before(UnsafeCell::new(MaybeUninit::zeroed()));

struct Before(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: written once, inside `INSTALL`, before the handler that reads it is in force (the old action is filled in
// by the very call that installs the handler; a zeroed one means the default action).
unsafe impl Sync for Before {}

/// A registered window; given back on drop. Must be dropped before the window is unmapped.
pub(super) struct Guarded(&'static Slot);

impl Guarded {
    /// Registers `[start, start + length)`; `None` where the handler cannot be installed or the table is full.
    pub(super) fn new(start: usize, length: usize) -> Option<Self> {
        INSTALL.call_once(install);
        if !INSTALLED.load(Ordering::Acquire) || start <= TAKEN {
            return None;
        }
        let slot = TABLE
            .iter()
            .find(|slot| slot.start.compare_exchange(0, TAKEN, Ordering::AcqRel, Ordering::Relaxed).is_ok())?;
        slot.flagged.store(false, Ordering::Relaxed);
        slot.end.store(start.checked_add(length)?, Ordering::Release);
        slot.start.store(start, Ordering::Release);
        Some(Self(slot))
    }

    /// Whether a fault was caught in it.
    pub(super) fn flagged(&self) -> bool {
        self.0.flagged.load(Ordering::Acquire)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.start.store(0, Ordering::Release);
    }
}

fn install() {
    // SAFETY: plain libc calls with valid pointers; the handler is async-signal-safe (see the module).
    unsafe {
        let page = libc::sysconf(libc::_SC_PAGESIZE);
        if let Ok(page) = usize::try_from(page)
            && page.is_power_of_two()
        {
            PAGE.store(page, Ordering::Release);
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_sigbus as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigemptyset(&mut action.sa_mask);
        let done = libc::sigaction(libc::SIGBUS, &action, (*BEFORE.0.get()).as_mut_ptr()) == 0;
        INSTALLED.store(done, Ordering::Release);
    }
}

extern "C" fn on_sigbus(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel hands a valid `info`; `si_addr` is set for SIGBUS. `errno` is the faulting thread's own.
    unsafe {
        let errno = libc::__errno_location();
        let saved = *errno;
        let covered = cover((*info).si_addr() as usize);
        *errno = saved;
        if !covered {
            chain(signal, info, context);
        }
    }
}

/// Lays zero pages from the page of `address` to the end of its window; `false` where it lies in none.
///
/// The faulting thread holds its own window for the whole copy, so the slot that matches cannot change meanwhile. A
/// slot of another thread may be reused between the two loads; `start` is read again so that a range put together
/// from two windows is not used.
fn cover(address: usize) -> bool {
    let page = PAGE.load(Ordering::Relaxed);
    for slot in &TABLE {
        let start = slot.start.load(Ordering::Acquire);
        let end = slot.end.load(Ordering::Acquire);
        if start <= TAKEN || address < start || address >= end || slot.start.load(Ordering::Acquire) != start {
            continue;
        }
        let from = (address & !(page - 1)).max(start);
        // SAFETY: the range lies inside one live window of this process, which its owner only reads as plain bytes;
        // MAP_FIXED replaces pages of that window and of nothing else.
        let laid = unsafe {
            libc::mmap(
                from as *mut libc::c_void,
                end - from,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                -1,
                0,
            )
        };
        if laid == libc::MAP_FAILED {
            return false;
        }
        slot.flagged.store(true, Ordering::Release);
        return true;
    }
    false
}

/// Hands the fault to whoever handled it before; where nobody did, restores the default so that the fault repeats
/// and ends the process as it would have without us.
///
/// # Safety
/// Only from the signal handler, with its own arguments.
unsafe fn chain(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: `BEFORE` is complete (see there); the function pointers were installed by `sigaction` with the
    // signature that their flags tell.
    unsafe {
        let before = (*BEFORE.0.get()).assume_init_ref();
        if before.sa_sigaction == libc::SIG_DFL || before.sa_sigaction == libc::SIG_IGN {
            let mut default: libc::sigaction = std::mem::zeroed();
            default.sa_sigaction = libc::SIG_DFL;
            libc::sigaction(signal, &default, std::ptr::null_mut());
        } else if before.sa_flags & libc::SA_SIGINFO != 0 {
            type Full = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            std::mem::transmute::<usize, Full>(before.sa_sigaction)(signal, info, context);
        } else {
            type Short = extern "C" fn(libc::c_int);
            std::mem::transmute::<usize, Short>(before.sa_sigaction)(signal);
        }
    }
}
