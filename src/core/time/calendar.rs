//! Calendar text of Unix seconds.

/// `seconds` since 1970 as text: by a strftime format, or as ctime(3) writes it (without line end).
/// Empty where the format or the time is unusable.
pub fn format_time(seconds: i64, local: bool, format: Option<&[u8]>) -> Vec<u8> {
    use chrono::{DateTime, Local, Utc};
    use std::io::Write;
    let format = String::from_utf8_lossy(format.unwrap_or(b"%a %b %e %H:%M:%S %Y"));
    let Some(utc) = DateTime::<Utc>::from_timestamp(seconds, 0) else {
        return Vec::new();
    };
    let mut text = Vec::new();
    let written = if local {
        write!(text, "{}", utc.with_timezone(&Local).format(&format))
    } else {
        write!(text, "{}", utc.format(&format))
    };
    if written.is_err() {
        text.clear();
    }
    text
}
