//! What `-h` and `-V` print (SER's forms).

use crate::core::module::version::{FLAGS, FULL_VERSION, NAME, PROFILE, RUSTC};

/// The longest datagram; a message is not longer.
const BUF_SIZE: usize = 65_535;

/// The text of `-h`.
pub(super) fn help() -> String {
    let config_file = super::config_file::default_path();
    let config_file = config_file.display();
    format!(
        "version: {FULL_VERSION}
Usage: {NAME} [-f file] [-c] [-E] [-D] [-l address] [-n processes] ...
Options:
    -f file      configuration file (default {config_file})
    -c           check the configuration file for errors, then exit
    -l address   listen on the address, an interface's name works as well;
                 [proto:]addr[:port], proto one of udp, tcp, tls;
                 may be given several times, adds to what the file says
                 (default: all interfaces)
    -n processes number of receivers for each UDP socket (default 8)
    -r           use dns to decide whether a \"received=\" is added to a via
    -R           same as -r but use reverse dns
    -v           refuse replies whose top via host is not ours
    -d           debug level, each one adds 1 and overrides the file
    -D           do not fork: one receiver in the foreground;
                 twice: fork, but stay in the foreground;
                 three times: daemon, whatever the file says
    -E           log to stderr
    -T           disable tcp
    -N processes number of tcp receivers (default: as for udp)
    -W method    poll method
    -V           version
    -h           this help
    -b bytes     largest receive buffer that is asked for (default 262144)
    -m megabytes limit of shared memory (default: half of the machine's)
    -w dir       working directory (default /)
    -t dir       chroot to the directory
    -u uid       user to become
    -g gid       group to become
    -P file      pid file
    -G file      process group file
"
    )
}

/// The text of `-V`.
pub(super) fn version() -> String {
    let poll_methods = crate::core::config::POLL_METHODS.join(", ");
    format!(
        "version: {FULL_VERSION}
flags: {FLAGS}
MAX_RECV_BUFFER_SIZE 262144, BUF_SIZE {BUF_SIZE}
poll method support: {poll_methods}.
{NAME} compiled ({PROFILE}) with {RUSTC}
"
    )
}
