//! What a module must share with the core: full version, compile flags and build id.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};
use std::sync::OnceLock;

/// Name of the server.
pub const NAME: &str = "ser";
/// Version of the server.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Architecture.
pub const ARCH: &str = std::env::consts::ARCH;
/// Operating system.
pub const OS: &str = std::env::consts::OS;
/// Hash of the core's sources, the compiler's version and the profile.
pub const BUILD_ID: &str = env!("SER_BUILD_ID");
/// The compiler.
pub const RUSTC: &str = env!("SER_RUSTC");
/// `debug` or `release`.
pub const PROFILE: &str = env!("SER_PROFILE");

/// `Server: Sip EXpress router (VERSION (ARCH/OS))`, no line end.
pub fn server_header() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| format!("Server: Sip EXpress router ({} ({}/{}))", VERSION, ARCH, OS))
}

/// `User-Agent: Sip EXpress router(VERSION (ARCH/OS))`, no line end; for requests of our own.
pub fn user_agent_header() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        format!(
            "User-Agent: Sip EXpress router({} ({}/{}))",
            VERSION, ARCH, OS
        )
    })
}

macro_rules! full_version {
    ($arch:literal) => {
        concat!("ser ", env!("CARGO_PKG_VERSION"), " (", $arch, "/linux)\0")
    };
}
macro_rules! flags {
    () => {
        concat!(
            "USE_IPV6, USE_MCAST, SHM_MEM, SHM_MEMFD, PKG_ARENA, FUTEX_LOCK, BUILD_ID=",
            env!("SER_BUILD_ID"),
            "\0"
        )
    };
}

#[cfg(target_arch = "aarch64")]
const FULL_VERSION_NUL: &str = full_version!("aarch64");
#[cfg(not(target_arch = "aarch64"))]
const FULL_VERSION_NUL: &str = full_version!("x86_64");

/// `ser VERSION (ARCH/OS)`; what `module_version` must say.
pub const FULL_VERSION: &str = without_nul(FULL_VERSION_NUL);
/// What `module_flags` must say: the build options of the core and its build id.
pub const FLAGS: &str = without_nul(flags!());
/// The value of the symbol `module_version`.
pub const MODULE_VERSION: ModuleText = ModuleText::new(FULL_VERSION_NUL);
/// The value of the symbol `module_flags`.
pub const MODULE_FLAGS: ModuleText = ModuleText::new(flags!());

/// An object of which there is one in a process with one core. A module that was linked with its
/// own copy of the core has another; see [`super::ModuleExports::core`].
pub static CORE: u8 = 0;

const fn without_nul(text: &'static str) -> &'static str {
    text.split_at(text.len() - 1).0
}

/// A `char *` as C modules export it, so that a module of the original can be read and refused too.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct ModuleText(*const c_char);

// SAFETY: made only from 'static text that nobody changes.
unsafe impl Sync for ModuleText {}

impl ModuleText {
    const fn new(text: &'static str) -> ModuleText {
        assert!(text.as_bytes()[text.len() - 1] == 0);
        ModuleText(text.as_ptr().cast())
    }
    /// The text; `None` for a null pointer.
    ///
    /// # Safety
    /// The pointer is null or points to NUL-terminated memory that stays as it is while used.
    pub unsafe fn text(&self) -> Option<&CStr> {
        // SAFETY: the caller vouches for the pointer.
        (!self.0.is_null()).then(|| unsafe { CStr::from_ptr(self.0) })
    }
}
