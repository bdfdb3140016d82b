//! How modules reach each other: a module offers an API object under a name in its `init`, another
//! binds it in its own `init` or in a fixup. The types of these objects stand here, so that both
//! sides see the same ones (SER: exported `load_xxx`/`bind_xxx` functions).

mod sl;
pub mod tm;
mod uac;
pub mod usrloc;
pub use sl::SlApi;

use parking_lot::Mutex;
use std::any::Any;

type Entry = (&'static str, &'static (dyn Any + Send + Sync));
static OFFERED: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Offers `api` under `name` to other modules; call it from `init`.
pub fn provide<T: Any + Send + Sync>(name: &'static str, api: &'static T) {
    OFFERED.lock().push((name, api));
}

/// The API offered under `name`; `None` when no loaded and initialised module offers it.
pub fn bind<T: Any + Send + Sync>(name: &str) -> Option<&'static T> {
    let offered = OFFERED.lock();
    let (_, api) = offered
        .iter()
        .rev()
        .find(|(n, api)| *n == name && api.is::<T>())?;
    api.downcast_ref()
}
