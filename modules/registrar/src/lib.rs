//! `registrar`: processes REGISTER (`save`) and finds the contacts of a user (`lookup`), RFC 3261 §10.
//!
//! Needs modules `usrloc` (the table) and `sl` (the reply), loaded before.

mod attributes;
mod bindings;
mod error;
mod lookup;
mod metrics;
mod params;
mod reply;
mod save;
mod uid;
mod wanted;

use ser::core::module::api::usrloc::{Domain, Usrloc, UsrlocApi};
use ser::core::module::api::{self, SlApi};
use ser::core::module::{Arg, ArgType, Args, CmdFn, Command, RouteMask};
use ser::core::rpc::RpcMethod;
use std::sync::OnceLock;

static USRLOC: OnceLock<&'static dyn Usrloc> = OnceLock::new();
static SL: OnceLock<&'static SlApi> = OnceLock::new();

const fn command(name: &'static str, func: CmdFn, params: &'static [ArgType]) -> Command {
    Command {
        name,
        func,
        params,
        fixup: Some(domain_fixup),
        routes: RouteMask::RF,
    }
}

const TABLE: &[ArgType] = &[ArgType::Str];
const TABLE_AOR: &[ArgType] = &[ArgType::Str, ArgType::VarStr];

ser::module! {
    name: "registrar",
    cmds: &[
        command("save", save::save, TABLE),
        command("save", save::save, TABLE_AOR),
        command("save_contacts", save::save, TABLE),
        command("save_contacts", save::save, TABLE_AOR),
        command("save_noreply", save::save_noreply, TABLE),
        command("save_noreply", save::save_noreply, TABLE_AOR),
        command("save_contacts_noreply", save::save_noreply, TABLE),
        command("save_contacts_noreply", save::save_noreply, TABLE_AOR),
        command("save_memory", save::save_memory, TABLE),
        command("save_memory", save::save_memory, TABLE_AOR),
        command("save_mem_nr", save::save_mem_nr, TABLE),
        command("save_mem_nr", save::save_mem_nr, TABLE_AOR),
        command("lookup", lookup::lookup, TABLE),
        command("lookup", lookup::lookup, TABLE_AOR),
        command("lookup_contacts", lookup::lookup, TABLE),
        command("lookup_contacts", lookup::lookup, TABLE_AOR),
        command("registered", lookup::registered, TABLE),
        command("registered", lookup::registered, TABLE_AOR),
    ],
    rpc_methods: &[RpcMethod {
        name: "registrar.uid",
        func: uid::rpc_uid,
        doc: "Print the uid under which the contacts of a user are kept",
        ret_array: false,
    }],
    metrics: metrics::METRICS,
    params: params::TABLE,
    init: Some(init),
}

fn init() -> Result<(), String> {
    let sl: &'static SlApi = api::bind("sl").ok_or("module sl must be loaded before registrar")?;
    let usrloc: &'static UsrlocApi =
        api::bind("usrloc").ok_or("module usrloc must be loaded before registrar")?;
    let _ = SL.set(sl);
    let _ = USRLOC.set(usrloc.0);
    params::check()?;
    metrics::init()?;
    attributes::init()
}

/// The location table, as bound in `init`.
fn usrloc() -> &'static dyn Usrloc {
    *USRLOC.get().expect("commands run after init")
}

/// Turns the name of a table into its number, creating the table.
fn domain_fixup(args: &mut [Arg]) -> Result<(), String> {
    if let Some(Arg::Str(name)) = args.first() {
        let domain = usrloc().register_domain(name)?;
        args[0] = Arg::Custom(Box::new(domain));
    }
    Ok(())
}

/// The table of a call.
fn domain(args: Args) -> Domain {
    *args
        .custom(0)
        .expect("the fixup made a Domain of argument 1")
}
