//! SER's log levels: the smaller the number the worse the news. A message is emitted when its level
//! is not above the threshold `debug`.

/// Somebody must act at once.
pub const ALERT: i32 = -3;
/// The server cannot go on.
pub const CRIT: i32 = -2;
/// Something failed.
pub const ERR: i32 = -1;
/// Whatever happens to be the threshold's default; never sent to syslog.
pub const DEFAULT: i32 = 0;
/// Something is odd.
pub const WARN: i32 = 1;
/// Normal but significant.
pub const NOTICE: i32 = 2;
/// For the curious.
pub const INFO: i32 = 3;
/// For developers.
pub const DBG: i32 = 4;
/// Every allocation; never sent to syslog.
pub const MEM: i32 = 5;

/// The colour that a level has on a terminal (`ESC [ … m`), none for the two without a name in syslog.
pub(super) fn colour(level: i32) -> Option<&'static str> {
    Some(match level {
        ALERT => "00;31",
        CRIT => "01;31",
        ERR => "01;33",
        WARN => "01;34",
        NOTICE => "01;36",
        INFO => "01;32",
        DBG => "01;30",
        _ => return None,
    })
}

/// The priority that a level has in syslog; `None`: not sent there.
pub(super) fn priority(level: i32) -> Option<i32> {
    Some(match level {
        ALERT => libc::LOG_ALERT,
        CRIT => libc::LOG_CRIT,
        ERR => libc::LOG_ERR,
        WARN => libc::LOG_WARNING,
        NOTICE => libc::LOG_NOTICE,
        INFO => libc::LOG_INFO,
        DBG => libc::LOG_DEBUG,
        _ => return None,
    })
}

/// The level of a record of the `log` crate.
pub(super) fn of_record(level: log::Level) -> i32 {
    match level {
        log::Level::Error => ERR,
        log::Level::Warn => WARN,
        log::Level::Info => INFO,
        log::Level::Debug => DBG,
        log::Level::Trace => MEM,
    }
}

/// The most talkative level of the `log` crate that passes the threshold `debug`.
pub(super) fn filter(debug: i32) -> log::LevelFilter {
    match debug {
        ..ERR => log::LevelFilter::Off,
        ERR | DEFAULT => log::LevelFilter::Error,
        WARN | NOTICE => log::LevelFilter::Warn,
        INFO => log::LevelFilter::Info,
        DBG => log::LevelFilter::Debug,
        MEM.. => log::LevelFilter::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_passes_the_filter_exactly_when_its_level_is_not_above_debug() {
        for debug in -4..=6 {
            for record in log::Level::iter() {
                assert_eq!(record <= filter(debug), of_record(record) <= debug);
            }
        }
    }

    #[test]
    fn levels_zero_and_five_have_no_place_in_syslog() {
        assert_eq!(priority(DEFAULT), None);
        assert_eq!(priority(MEM), None);
        assert_eq!(priority(ALERT), Some(1));
        assert_eq!(priority(DBG), Some(7));
    }
}
