//! Routes that a transaction is armed with, which it knows by name: the configuration that runs by now may be
//! another than the one that armed it.

use ser::core::msg::RouteKind;
use ser::core::script::program;

/// The route of that name; `None` where none is armed, and where there is none any more, which the log tells: then it
/// goes on as if none were armed.
pub fn find(kind: RouteKind, name: &[u8]) -> Option<usize> {
    if name.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(name).ok();
    let found = text.and_then(|text| program()?.table(kind).find(text));
    if found.is_none() {
        let name = name.escape_ascii();
        log::error!("ERROR: tm: {kind:?} route \"{name}\" is not in the configuration any more");
    }
    found
}
