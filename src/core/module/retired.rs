//! Modules of older servers that this one does not have under that name: what to load instead, or why there is
//! nothing, or nothing yet.

/// What became of a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The same thing under another name, loaded in its place.
    Renamed(&'static str),
    /// Gone; the text says what replaces it.
    Replaced(&'static str),
    /// It is to come.
    NotYet,
}

/// Modules of SER and of OpenIMSCore that this version does not have.
pub const NOT_YET: &[&str] = &[
    "acc_db",
    "acc_radius",
    "acc_syslog",
    "auth",
    "auth_db",
    "auth_radius",
    "avp",
    "avp_db",
    "avp_radius",
    "avpops",
    "cdp",
    "cdp_avp",
    "cfg_rpc",
    "cpl-c",
    "db_ops",
    "dbg",
    "dbtext",
    "dialog",
    "dispatcher",
    "diversion",
    "domain",
    "ecscf",
    "enum",
    "eval",
    "flatstore",
    "gflags",
    "icscf",
    "isc",
    "jabber",
    "lcr",
    "lrf",
    "mediaproxy",
    "mgcf",
    "msilo",
    "mysql",
    "nathelper",
    "options",
    "oracle",
    "osp",
    "pa",
    "pcscf",
    "pdt",
    "permissions",
    "pike",
    "postgres",
    "presence_b2b",
    "ratelimit",
    "rls",
    "scscf",
    "sms",
    "speeddial",
    "timer",
    "tls",
    "uac",
    "uri_db",
    "uri_radius",
    "xcap",
];

/// The fate of module `name`, `None` if it is here or nobody knows it.
pub fn fate(name: &str) -> Option<Fate> {
    Some(match name {
        "acc" => Fate::Renamed("acc_syslog"),
        "cpl" => Fate::Renamed("cpl-c"),
        "mi_fifo" => Fate::Renamed("fifo"),
        "siputils" => Fate::Renamed("uri"),
        "ext" | "extcmd" => Fate::Replaced("module exec runs external programs"),
        "vm" => Fate::Replaced("t_write_unix of module tm hands requests to an application server"),
        "im" => Fate::Replaced("MESSAGE is relayed like any request, module msilo stores it"),
        "group" => Fate::Replaced("load group membership as attributes with avp_db"),
        "mangler" => Fate::Replaced("module nathelper rewrites SDP and contacts"),
        "auth_diameter" => Fate::Replaced("module cdp speaks Diameter"),
        "radius_acc" => Fate::Replaced("module acc_radius"),
        "radius_auth" => Fate::Replaced("module auth_radius"),
        "pv" => Fate::Replaced("selects (@ruri.user) and attributes are part of the core"),
        name if NOT_YET.contains(&name) => Fate::NotYet,
        _ => return None,
    })
}
