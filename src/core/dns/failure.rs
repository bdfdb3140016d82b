//! Why a name leads nowhere.

use crate::core::msg::SerError;
use std::fmt;

crate::shm_enum! {
    /// Why a name leads nowhere.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[repr(u8)]
    pub enum Failure {
        /// It cannot be the name of a host: empty, too long, a label over 63 bytes, strange bytes.
        BadName = 1,
        /// The name servers say that there is no such name.
        NoSuchName = 2,
        /// The name exists but has no address that this server can use.
        NoAddress = 3,
        /// The domain says that it does not offer SIP by this protocol (SRV target `.`).
        NotOffered = 4,
        /// The name servers answered with an error, or with nonsense.
        ServerFailure = 5,
        /// No name server answered in time.
        Timeout = 6,
        /// Out of shared memory.
        NoMemory = 7,
        /// Too many names are being looked up.
        Busy = 8,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Failure::BadName => "bad host name",
            Failure::NoSuchName => "no such name",
            Failure::NoAddress => "no address",
            Failure::NotOffered => "the domain does not offer SIP by this protocol",
            Failure::ServerFailure => "name server failure",
            Failure::Timeout => "no answer from any name server",
            Failure::NoMemory => "out of shared memory",
            Failure::Busy => "too many names are being looked up",
        })
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for SerError {
    fn from(failure: Failure) -> SerError {
        match failure {
            Failure::NoMemory => SerError::OUT_OF_MEM,
            _ => SerError::BAD_ADDRESS,
        }
    }
}
