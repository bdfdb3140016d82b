//! Limits of the kernel: size of core files and number of open files.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

const INFINITY: rlim_t = nix::sys::resource::RLIM_INFINITY;
/// What a core file should have room for: SER counts 8 MiB of private and 4 MiB of other memory.
const PRIVATE: rlim_t = (8 + 4) << 20;

/// Bit of /proc/PID/coredump_filter for shared memory without a file name (core(5)).
const ANONYMOUS_SHARED: u32 = 1 << 1;

/// Keeps the shared segment out of core files: the kernel would touch every page of its limit, half of
/// the machine, to write it.
fn leave_out_shared_memory() -> std::io::Result<()> {
    let path = "/proc/self/coredump_filter";
    let text = std::fs::read_to_string(path)?;
    let filter = u32::from_str_radix(text.trim(), 16).map_err(std::io::Error::other)?;
    std::fs::write(path, format!("{:#x}", filter & !ANONYMOUS_SHARED))
}

/// Forbids core files, or makes room for them: unlimited, else what a process has of its own, else as
/// much as is allowed. Failure is only logged. Without the filter there are no core files at all.
pub fn set_core(disable: bool) {
    let filtered = leave_out_shared_memory();
    if let Err(e) = &filtered {
        log::warn!("no core files: coredump_filter: {e}");
    }
    let result = if disable || filtered.is_err() {
        setrlimit(Resource::RLIMIT_CORE, 0, 0)
    } else {
        raise_core(PRIVATE)
    };
    if let Err(e) = result {
        log::warn!("cannot change the core file limit: {e}");
    }
}

fn raise_core(wanted: rlim_t) -> nix::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    if soft >= wanted {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_CORE, INFINITY, INFINITY)
        .or_else(|_| setrlimit(Resource::RLIMIT_CORE, wanted, hard.max(wanted)))
        .or_else(|_| setrlimit(Resource::RLIMIT_CORE, hard, hard))
}

/// Raises the number of files that a process may have open to at least `wanted`.
pub fn raise_open_files(wanted: u64) -> nix::Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft >= wanted {
        return Ok(());
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_high_enough_stays() {
        let before = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        raise_open_files(1).unwrap();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), before);
    }

    #[test]
    fn more_files_than_the_kernel_can_have_is_an_error() {
        assert!(raise_open_files(u64::MAX - 1).is_err());
    }
}
