//! `test_resolve()`: looks up where the Request-URI leads, without waiting, and tells what comes out.

use crate::tell;
use ser::core::dns::{
    self, Destination, Destinations, Failure, HandlerId, Outcome, Query, Resolution, Waiter,
};
use ser::core::module::{Arg, Args};
use ser::core::msg::SipMsg;
use ser::core::sip::Uri;
use std::sync::OnceLock;

static HANDLER: OnceLock<HandlerId> = OnceLock::new();

/// The fixup: a server whose script does not call the function needs no resolver.
pub(crate) fn register(_args: &mut [Arg]) -> Result<(), String> {
    let handler =
        dns::register_handler("testmod: resolved", resolved).ok_or("too many handlers")?;
    HANDLER.get_or_init(|| handler);
    Ok(())
}

pub(crate) fn resolve(msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    let uri = Uri::parse(msg.request_uri());
    let Some(query) = uri.ok().and_then(|uri| Query::of_uri(&uri).ok()) else {
        return -1;
    };
    match dns::resolve(query) {
        Resolution::Ready(all) => tell(format_args!("{} at once", places(&all))),
        Resolution::Failed(why) => tell(format_args!("{why} at once")),
        Resolution::Pending(ticket) => {
            let handler = *HANDLER.get().expect("the fixup has run");
            let data = [1, 2, 3, 4];
            if let Err(why) = dns::on_ready(ticket, Waiter { handler, data }) {
                tell(format_args!("cannot wait: {why}"));
            }
        }
    }
    1
}

/// In the resolver process.
fn resolved(data: [u64; 4], outcome: &Outcome) {
    assert_eq!(data, [1, 2, 3, 4]);
    match outcome {
        Ok(all) => tell(format_args!("{} later", places(all))),
        Err(why) => tell(format_args!("{why} later")),
    }
    if matches!(outcome, Err(Failure::NoSuchName)) {
        panic!("told to panic by the resolver");
    }
}

fn places(all: &Destinations) -> String {
    let text = |to: &Destination| format!("{}:{}", to.proto.name(), to.addr());
    all.rest().iter().map(text).collect::<Vec<_>>().join(" ")
}
