//! Names of Linux' system calls, and of the kinds of audit records that its kernel numbers.
//!
//! Sources: `arch/x86/entry/syscalls/syscall_64.tbl` and `syscall_32.tbl`, `include/uapi/asm-generic/unistd.h` (64-bit ARM),
//! `include/uapi/linux/audit.h`, `lib/msg_typetab.h` of the audit userspace.
//!
//! Calls that rules and audit policies ask for stand here: programs, files, modules, mounts, network, time, other processes.

/// A name, and its numbers on x86-64, 32-bit x86 and 64-bit ARM.
type Call = (&'static str, [Option<u16>; 3]);

/// A call that two or all of them have.
const fn call(name: &'static str, wide: u16, narrow: u16, arm: u16) -> Call {
    const fn of(number: u16) -> Option<u16> {
        if number == NONE { None } else { Some(number) }
    }
    (name, [of(wide), of(narrow), of(arm)])
}

/// Of a call that an architecture does not have.
const NONE: u16 = u16::MAX;

const CALLS: &[Call] = &[
    call("accept", 43, NONE, 202),
    call("accept4", 288, 364, 242),
    call("adjtimex", 159, 124, 171),
    call("bind", 49, 361, 200),
    call("bpf", 321, 357, 280),
    call("chmod", 90, 15, NONE),
    call("chown", 92, 182, NONE),
    call("chroot", 161, 61, 51),
    call("clock_settime", 227, 264, 112),
    call("clone", 56, 120, 220),
    call("clone3", 435, 435, 435),
    call("connect", 42, 362, 203),
    call("creat", 85, 8, NONE),
    call("delete_module", 176, 129, 106),
    call("execve", 59, 11, 221),
    call("execveat", 322, 358, 281),
    call("fchmod", 91, 94, 52),
    call("fchmodat", 268, 306, 53),
    call("fchown", 93, 95, 55),
    call("fchownat", 260, 298, 54),
    call("finit_module", 313, 350, 273),
    call("fork", 57, 2, NONE),
    call("ftruncate", 77, 93, 46),
    call("init_module", 175, 128, 105),
    call("io_uring_setup", 425, 425, 425),
    call("kexec_file_load", 320, NONE, 294),
    call("kexec_load", 246, 283, 104),
    call("kill", 62, 37, 129),
    call("lchown", 94, 16, NONE),
    call("link", 86, 9, NONE),
    call("linkat", 265, 303, 37),
    call("listen", 50, 363, 201),
    call("memfd_create", 319, 356, 279),
    call("mknod", 133, 14, NONE),
    call("mknodat", 259, 297, 33),
    call("mount", 165, 21, 40),
    call("mprotect", 10, 125, 226),
    call("open", 2, 5, NONE),
    call("open_by_handle_at", 304, 342, 265),
    call("openat", 257, 295, 56),
    call("openat2", 437, 437, 437),
    call("perf_event_open", 298, 336, 241),
    call("personality", 135, 136, 92),
    call("pivot_root", 155, 217, 41),
    call("process_vm_readv", 310, 347, 270),
    call("process_vm_writev", 311, 348, 271),
    call("ptrace", 101, 26, 117),
    call("recvfrom", 45, 371, 207),
    call("rename", 82, 38, NONE),
    call("renameat", 264, 302, 38),
    call("renameat2", 316, 353, 276),
    call("rmdir", 84, 40, NONE),
    call("sendto", 44, 369, 206),
    call("setdomainname", 171, 121, 162),
    call("setgid", 106, 46, 144),
    call("sethostname", 170, 74, 161),
    call("setns", 308, 346, 268),
    call("setregid", 114, 71, 143),
    call("setreuid", 113, 70, 145),
    call("settimeofday", 164, 79, 170),
    call("setuid", 105, 23, 146),
    call("setxattr", 188, 226, 5),
    call("socket", 41, 359, 198),
    call("socketcall", NONE, 102, NONE),
    call("symlink", 88, 83, NONE),
    call("symlinkat", 266, 304, 36),
    call("sysinfo", 99, 116, 179),
    call("syslog", 103, 103, 116),
    call("truncate", 76, 92, 45),
    call("umount2", 166, 52, 39),
    call("unlink", 87, 10, NONE),
    call("unlinkat", 263, 301, 35),
    call("unshare", 272, 310, 97),
    call("userfaultfd", 323, 374, 282),
    call("vfork", 58, 190, NONE),
];

/// Architectures as audit records name them, in the order of the numbers.
const ARCHITECTURES: [&[u8]; 3] = [b"c000003e", b"40000003", b"c00000b7"];

/// The name of a call by the architecture and the number that an audit record has; `None` where it is not known.
pub fn name(arch: &[u8], number: &[u8]) -> Option<&'static str> {
    let arch = ARCHITECTURES.iter().position(|known| *known == arch)?;
    let number: u16 = std::str::from_utf8(number).ok()?.parse().ok()?;
    CALLS.iter().find(|(_, numbers)| numbers[arch] == Some(number)).map(|(name, _)| *name)
}

const KINDS: &[(u16, &str)] = &[
    (1100, "USER_AUTH"),
    (1101, "USER_ACCT"),
    (1102, "USER_MGMT"),
    (1103, "CRED_ACQ"),
    (1104, "CRED_DISP"),
    (1105, "USER_START"),
    (1106, "USER_END"),
    (1107, "USER_AVC"),
    (1108, "USER_CHAUTHTOK"),
    (1109, "USER_ERR"),
    (1110, "CRED_REFR"),
    (1112, "USER_LOGIN"),
    (1113, "USER_LOGOUT"),
    (1114, "ADD_USER"),
    (1115, "DEL_USER"),
    (1116, "ADD_GROUP"),
    (1117, "DEL_GROUP"),
    (1123, "USER_CMD"),
    (1124, "USER_TTY"),
    (1130, "SERVICE_START"),
    (1131, "SERVICE_STOP"),
    (1200, "DAEMON_START"),
    (1201, "DAEMON_END"),
    (1300, "SYSCALL"),
    (1302, "PATH"),
    (1305, "CONFIG_CHANGE"),
    (1306, "SOCKADDR"),
    (1307, "CWD"),
    (1309, "EXECVE"),
    (1318, "OBJ_PID"),
    (1319, "TTY"),
    (1321, "BPRM_FCAPS"),
    (1323, "MMAP"),
    (1325, "NETFILTER_CFG"),
    (1326, "SECCOMP"),
    (1327, "PROCTITLE"),
    (1330, "KERN_MODULE"),
    (1334, "BPF"),
    (1400, "AVC"),
    (1700, "ANOM_PROMISCUOUS"),
    (1701, "ANOM_ABEND"),
];

/// The name of a kind of audit records by its number; `None` where the word is none that is known.
pub fn kind(number: &[u8]) -> Option<&'static str> {
    let number: u16 = std::str::from_utf8(number).ok()?.parse().ok()?;
    KINDS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_named_by_architecture_and_number() {
        let names = [(&b"c000003e"[..], &b"59"[..]), (b"40000003", b"11"), (b"c00000b7", b"221")];
        assert!(names.iter().all(|(arch, number)| name(arch, number) == Some("execve")));
        assert_eq!((name(b"c000003e", b"11"), name(b"c000003e", b"x"), name(b"ffffffff", b"59")), (None, None, None));
        assert_eq!((kind(b"1309"), kind(b"EXECVE"), kind(b"99999999")), (Some("EXECVE"), None, None));
        for arch in 0..ARCHITECTURES.len() {
            let mut numbers: Vec<u16> = CALLS.iter().filter_map(|(_, numbers)| numbers[arch]).collect();
            let all = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), all, "no number stands for two");
        }
    }
}
