//! `usrloc`: who is registered where. Bindings live in shared memory; any process reads and changes
//! them under the lock of one hash bucket.

mod attributes;
mod carry;
mod contact;
mod domain;
mod metrics;
mod params;
mod record;
mod rpc;
mod sweep;

use ser::core::module::api;
use ser::core::module::api::usrloc::{ContactCallback, Domain, Full, Record, Usrloc, UsrlocApi};
use ser::core::module::{Arg, ArgType, Command, RouteMask};
use ser::core::msg::SipMsg;

ser::module! {
    name: "usrloc",
    cmds: &[Command {
        name: "read_reg_avps",
        func: attributes::read_reg_avps,
        params: &[ArgType::Str, ArgType::VarStr],
        fixup: Some(domain_fixup),
        routes: RouteMask::RF.or(RouteMask::B),
    }],
    rpc_methods: rpc::METHODS,
    metrics: metrics::METRICS,
    params: params::TABLE,
    init: Some(init),
}

struct Api;
static API: Api = Api;
static OFFER: UsrlocApi = UsrlocApi(&API);

impl Usrloc for Api {
    fn register_domain(&self, name: &[u8]) -> Result<Domain, String> {
        domain::register(name)
    }
    fn with_record(&self, domain: Domain, uid: &[u8], f: &mut dyn FnMut(&mut dyn Record)) -> bool {
        domain::get(domain).with_record(uid, f)
    }
    fn update_record(
        &self,
        domain: Domain,
        uid: &[u8],
        f: &mut dyn FnMut(&mut dyn Record),
    ) -> Result<(), Full> {
        domain::get(domain).update_record(uid, f)
    }
    fn attributes<'a>(&self, msg: &SipMsg<'a>) -> &'a [u8] {
        attributes::of_message(msg)
    }
    fn register_callback(&self, events: u8, callback: ContactCallback) {
        record::register_callback(events, callback);
    }
}

fn init() -> Result<(), String> {
    params::check()?;
    attributes::init()?;
    sweep::init()?;
    carry::init();
    api::provide("usrloc", &OFFER);
    Ok(())
}

fn domain_fixup(args: &mut [Arg]) -> Result<(), String> {
    if let Some(Arg::Str(name)) = args.first() {
        let domain = domain::register(name)?;
        args[0] = Arg::Custom(Box::new(domain));
    }
    Ok(())
}
