//! Why a REGISTER was refused: status and the text of P-Registrar-Error.

/// The reasons, with SER's texts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegError {
    InsertFailed,
    UpdateFailed,
    BadCseq,
    BadAor,
    BadQ,
    BadMessage,
    NoTo,
    NoCallId,
    NoCseq,
    BadContact,
    StarExpires,
    StarContacts,
    TooManyContacts,
}

impl RegError {
    /// Whether there is no memory for it.
    pub fn is_memory(self) -> bool {
        matches!(self, RegError::InsertFailed | RegError::UpdateFailed)
    }

    /// Status code and text.
    pub fn answer(self) -> (u16, &'static str) {
        match self {
            RegError::InsertFailed => (503, "usrloc_contact_insert failed"),
            RegError::UpdateFailed => (503, "usrloc_contact_update failed"),
            RegError::BadCseq => (400, "Invalid CSeq number"),
            RegError::BadAor => (400, "Error while parsing AOR"),
            RegError::BadQ => (400, "Invalid q param in contact"),
            RegError::BadMessage => (400, "Message parse error"),
            RegError::NoTo => (400, "To header not found"),
            RegError::NoCallId => (400, "Call-ID header not found"),
            RegError::NoCseq => (400, "CSeq header not found"),
            RegError::BadContact => (400, "Contact parse error"),
            RegError::StarExpires => (400, "* used in contact and expires is not zero"),
            RegError::StarContacts => (400, "* used in contact and more than 1 contact"),
            RegError::TooManyContacts => (503, "Too many registered contacts"),
        }
    }
}

/// The reason phrase of a registrar's reply.
pub fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        400 => "Bad Request",
        503 => "Service Unavailable",
        _ => "Server Internal Error",
    }
}
