//! What a module must share with the core: full version, compile flags and build id.

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
/// `ser VERSION (ARCH/OS)`; what `module_version` must say.
pub const FULL_VERSION: &str = const_str(
    concat!("ser ", env!("CARGO_PKG_VERSION"), " (x86_64/linux)"),
    concat!("ser ", env!("CARGO_PKG_VERSION"), " (aarch64/linux)"),
);
/// What `module_flags` must say: the build options of the core and its build id.
pub const FLAGS: &str = concat!(
    "USE_IPV6, USE_TCP, SHM_MEM, SHM_MEMFD, PKG_ARENA, FUTEX_LOCK, BUILD ",
    env!("SER_BUILD_ID")
);

const fn const_str(x86_64: &'static str, aarch64: &'static str) -> &'static str {
    if cfg!(target_arch = "aarch64") {
        aarch64
    } else {
        x86_64
    }
}
