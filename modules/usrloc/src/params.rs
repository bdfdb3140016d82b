//! Parameters of the module (names and defaults of SER 2.1, and those of other generations). What is
//! about a database is kept for the day one stands behind the table.

use ser::core::module::{IntParam, Param, ParamKind, StrParam};

/// Seconds between two sweeps for expired bindings.
pub static TIMER_INTERVAL: IntParam = IntParam::new(60);
/// 0: memory only.
pub static DB_MODE: IntParam = IntParam::new(0);
/// Expired bindings stay in the database (later releases of 2.x).
static DB_SKIP_DELETE: IntParam = IntParam::new(0);
/// Newest binding first, whatever its q.
pub static DESC_TIME_ORDER: IntParam = IntParam::new(0);
/// Name of the flag that marks attributes kept with a contact.
pub static REG_AVP_FLAG: StrParam = StrParam::none();

macro_rules! texts {
    ($($place:ident $name:literal $default:literal,)*) => {
        $(static $place: StrParam = StrParam::new($default);)*
        const TEXTS: &[Param] = &[$(Param { name: $name, kind: ParamKind::Str(&$place) },)*];
    };
}
texts! {
    UID_COLUMN "uid_column" "uid",
    CONTACT_COLUMN "contact_column" "contact",
    EXPIRES_COLUMN "expires_column" "expires",
    Q_COLUMN "q_column" "q",
    CALLID_COLUMN "callid_column" "callid",
    CSEQ_COLUMN "cseq_column" "cseq",
    METHOD_COLUMN "method_column" "method",
    FLAGS_COLUMN "flags_column" "flags",
    USER_AGENT_COLUMN "user_agent_column" "user_agent",
    RECEIVED_COLUMN "received_column" "received",
    INSTANCE_COLUMN "instance_column" "instance",
    AOR_COLUMN "aor_column" "aor",
    DB_URL "db_url" "mysql://ser:heslo@localhost/ser",
    REG_AVP_TABLE "reg_avp_table" "contact_attrs",
    REG_AVP_COLUMN "reg_avp_column" "",
    REGAVP_UID_COLUMN "regavp_uid_column" "uid",
    REGAVP_CONTACT_COLUMN "regavp_contact_column" "contact",
    REGAVP_NAME_COLUMN "regavp_name_column" "name",
    REGAVP_VALUE_COLUMN "regavp_value_column" "value",
    REGAVP_TYPE_COLUMN "regavp_type_column" "type",
    REGAVP_FLAGS_COLUMN "regavp_flags_column" "flags",
    REPLICATE_COLUMN "replicate_column" "replicate",
    STATE_COLUMN "state_column" "state",
    USER_COLUMN "user_column" "username",
    DOMAIN_COLUMN "domain_column" "domain",
}

const NUMBERS: [Param; 6] = [
    Param {
        name: "timer_interval",
        kind: ParamKind::Int(&TIMER_INTERVAL),
    },
    Param {
        name: "db_mode",
        kind: ParamKind::Int(&DB_MODE),
    },
    Param {
        name: "db_skip_delete",
        kind: ParamKind::Int(&DB_SKIP_DELETE),
    },
    Param {
        name: "desc_time_order",
        kind: ParamKind::Int(&DESC_TIME_ORDER),
    },
    Param {
        name: "reg_avp_flag",
        kind: ParamKind::Str(&REG_AVP_FLAG),
    },
    Param {
        name: "use_domain",
        kind: ParamKind::IntFn(accept_use_domain),
    },
];

const COUNT: usize = NUMBERS.len() + TEXTS.len();
const ALL: [Param; COUNT] = {
    let mut all = [NUMBERS[0]; COUNT];
    let mut i = 0;
    while i < COUNT {
        all[i] = if i < NUMBERS.len() {
            NUMBERS[i]
        } else {
            TEXTS[i - NUMBERS.len()]
        };
        i += 1;
    }
    all
};
/// All parameters, as the module exports them.
pub const TABLE: &[Param] = &ALL;

/// 0.8/0.9 set it here and in registrar; the key is registrar's business.
fn accept_use_domain(value: i64) -> Result<(), String> {
    if value != 0 {
        log::warn!("usrloc: use_domain is a parameter of registrar, where it decides the key");
    }
    Ok(())
}

/// Refuses values that cannot work.
pub fn check() -> Result<(), String> {
    match DB_MODE.get() {
        0 => {}
        mode @ 1..=3 => {
            return Err(format!(
                "db_mode {mode} needs a database driver, and none is built: use db_mode 0"
            ));
        }
        mode => return Err(format!("db_mode {mode}: it is 0, 1, 2 or 3")),
    }
    if TIMER_INTERVAL.get() < 1 {
        return Err(format!(
            "timer_interval {}: it is at least 1 second",
            TIMER_INTERVAL.get()
        ));
    }
    Ok(())
}
