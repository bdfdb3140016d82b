//! `ser_error`: why the last step on a message failed, and the answer that it deserves.

use std::fmt;

/// An error number of SER (negative), kept with the message for `sl_reply_error` and tm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SerError(pub i32);

#[allow(missing_docs)]
impl SerError {
    pub const OK: SerError = SerError(0);
    pub const UNSPEC: SerError = SerError(-1);
    pub const OUT_OF_MEM: SerError = SerError(-2);
    pub const BAD_RE: SerError = SerError(-3);
    pub const BUG: SerError = SerError(-5);
    pub const CFG: SerError = SerError(-6);
    pub const NO_SOCKET: SerError = SerError(-7);
    pub const BAD_VIA: SerError = SerError(-8);
    pub const BAD_TUPLE: SerError = SerError(-9);
    pub const SCRIPT: SerError = SerError(-10);
    pub const EXEC: SerError = SerError(-11);
    pub const TOO_MANY_BRANCHES: SerError = SerError(-12);
    pub const BAD_TO: SerError = SerError(-13);
    pub const INVALID_PARAMS: SerError = SerError(-14);
    pub const Q_INV_CHAR: SerError = SerError(-15);
    pub const Q_EMPTY: SerError = SerError(-16);
    pub const Q_TOO_BIG: SerError = SerError(-17);
    pub const Q_DEC_MISSING: SerError = SerError(-18);
    pub const BAD_REQ: SerError = SerError(-400);
    pub const SEND: SerError = SerError(-477);
    pub const BAD_ADDRESS: SerError = SerError(-478);
    pub const BAD_URI: SerError = SerError(-479);
    pub const BAD_PROTO: SerError = SerError(-480);
    pub const CANCELED: SerError = SerError(-487);
    pub const BAD_SERVER: SerError = SerError(-500);
    pub const ADM_PROHIBITED: SerError = SerError(-510);
    pub const BLACKLISTED: SerError = SerError(-520);

    /// Status code and phrase of the answer to this error (SER's err2reason_phrase).
    pub fn answer(self) -> (u16, &'static str) {
        match self.0 {
            0 => (500, "No error"),
            // SER says 500 "No error".
            -2 => (503, "Service Unavailable"),
            -9 => (400, "Transaction tuple incomplete"),
            -11 => (500, "Error in external logic"),
            -12 => (500, "Forking capacity exceeded"),
            -13 => (400, "Bad To"),
            -15 => (400, "Invalid character in q parameter"),
            -16 => (400, "Empty q parameter"),
            -17 => (400, "q parameter too big"),
            -18 => (400, "Decimal part missing in q"),
            -400 => (400, "Bad Request"),
            -477 => (477, "Unfortunately error on sending to next hop occurred"),
            -478 => (478, "Unresolvable destination"),
            -479 => (479, "Regretfully, we were not able to process the URI"),
            -487 => (487, "transaction canceled"),
            -1 | -3 | -5 | -6 | -7 | -8 | -10 | -14 => {
                (500, "I'm terribly sorry, server error occurred")
            }
            _ => (500, "I'm terribly sorry, server error occurred"),
        }
    }
}

impl fmt::Display for SerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.answer().1, self.0)
    }
}

/// The standard reason phrase of a status code (SER's error_text), by class where it is unknown.
pub fn reason_phrase(code: u16) -> &'static str {
    let known = match code {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        417 => "Bad Extension",
        421 => "Extension Required",
        423 => "Interval Too Brief",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does not Exist Anywhere",
        606 => "Not Acceptable",
        _ => "",
    };
    if known.is_empty() {
        class_phrase(code)
    } else {
        known
    }
}

fn class_phrase(code: u16) -> &'static str {
    match code {
        100..=199 => "Provisional",
        200..=299 => "Successful",
        300..=399 => "Redirection",
        400..=499 => "Request Failure",
        500..=599 => "Server Failure",
        600..=699 => "Global Failure",
        _ => "Unspecified",
    }
}
