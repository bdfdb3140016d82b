//! Which module has which functions and selects: the vocabulary of SER's modules, loaded or not. It
//! serves messages only: a command that nobody knows is told from one whose module is not loaded.

use std::sync::OnceLock;

/// One module.
struct Known {
    /// Its name.
    module: &'static str,
    /// Its script functions, blank-separated. Several of one beginning are written `P_{a,b}`.
    functions: &'static str,
    /// First words of its selects (`nathelper`), or beginnings that it adds to selects of the core.
    selects: &'static [&'static str],
}

const fn known(
    module: &'static str,
    functions: &'static str,
    selects: &'static [&'static str],
) -> Known {
    Known {
        module,
        functions,
        selects,
    }
}

static MODULES: &[Known] = &[
    known("acc_db", "acc_db_{log,missed}", &[]),
    known("acc_radius", "acc_rad_{log,missed}", &[]),
    known("acc_syslog", "acc_syslog_{log,missed}", &[]),
    known(
        "auth",
        // The second half: what the module had before auth_db and uri_db were taken out of it.
        "consume_credentials www_challenge proxy_challenge authorize challenge www_authorize \
         proxy_authorize check_to check_from is_user is_user_in is_in_group",
        &[],
    ),
    known(
        "auth_db",
        "www_{authorize,authenticate} proxy_{authorize,authenticate}",
        &[],
    ),
    known(
        "auth_radius",
        "radius_www_{authorize,authenticate} radius_proxy_{authorize,authenticate}",
        &[],
    ),
    known(
        "avp",
        "set_{iattr,sattr,attr} print_attr del_{attr,attrs} subst_attr flags2attr attr2uri dump_attrs \
         attr_{equals,exists,equals_xl,to_reply,destination} xlset_{attr,destination} \
         insert_attr_hf append_attr_hf replace_attr_hf hdr_body2{attrs,attrs2}",
        &[],
    ),
    known("avp_db", "load_attrs", &[]),
    known("avp_radius", "radius_load_attrs", &[]),
    known(
        "avpops",
        "avp_{db_load,db_store,db_delete,write,delete,pushto,check,copy,print}",
        &[],
    ),
    known("cfg_rpc", "", &[]),
    known(
        "cpl-c",
        "cpl_{run_script,process_register,process_register_norpl,is_response_reject} \
         cpl_{is_response_redirect,update_contact}",
        &[],
    ),
    known("ctl", "", &[]),
    known("db_ops", "db_{query,close,foreach}", &["db"]),
    known("dbg", "dbg_{msleep,abort,pkg_status,shm_status}", &[]),
    known("dbtext", "", &[]),
    known("dialog", "", &[]),
    known("dispatcher", "ds_select_{dst,new}", &[]),
    known("diversion", "add_diversion", &[]),
    known(
        "domain",
        "is_local lookup_domain is_from_local is_uri_host_local",
        &[],
    ),
    known(
        "ecscf",
        "E_{trans_in_processing,is_anonymous_user,save_dialog,is_in_dialog,update_dialog,drop_dialog} \
         E_{get_location,query_LRF,add_rr,del_ESQK_info,replace_to_header,replace_from_header} \
         E_fwded_dialog",
        &[],
    ),
    known("enum", "enum_{query,query_orig} is_e164", &[]),
    known(
        "eval",
        "eval_{add,push,insert,xchg,get,put,pop,add_value,insert_value,remove,clear,oper,while} \
         eval_{while_stack,dump}",
        &["eval"],
    ),
    known("exec", "exec_{msg,dset}", &[]),
    known("fifo", "", &[]),
    known("flatstore", "", &[]),
    known("gflags", "set_gflag reset_gflag is_gflag flush_gflags", &[]),
    known(
        "icscf",
        "I_{NDS_check_trusted,NDS_is_trusted,NDS_strip_headers,trans_in_processing,UAR,LIR} \
         I_{scscf_select,scscf_drop,THIG_add_Path,THIG_add_RR,THIG_encrypt_header} \
         I_{THIG_encrypt_all_headers,THIG_decrypt_header,THIG_decrypt_all_headers} \
         I_{add_p_charging_vector,originating}",
        &[],
    ),
    known(
        "isc",
        "isc_appserver_forward ISC_{match_filter,match_filter_reg,from_AS,is_session_continued}",
        &[],
    ),
    known(
        "jabber",
        "jab_{send_message,join_jconf,exit_jconf,go_online,go_offline}",
        &[],
    ),
    known(
        "lcr",
        "load_gws next_gw from_gw to_gw load_contacts next_contacts",
        &[],
    ),
    known(
        "lrf",
        "LRF_{alloc_user_data,del_user_data,has_loc,parse_user_loc,get_psap,call_query_resp} \
         LRF_{options_empty_repl,uses_LOCSIP,subscribe_LOCSIP,process_loc_notify,sw2options} \
         LRF_{trans_in_processing,is_in_dialog,save_dialog,update_dialog,drop_dialog}",
        &[],
    ),
    known(
        "maxfwd",
        "mf_process_maxfwd_header process_maxfwd mf_lowlimit",
        &[],
    ),
    known(
        "mediaproxy",
        "fix_contact client_nat_test use_media_proxy end_media_session",
        &[],
    ),
    known(
        "mgcf",
        "M_{PSTN_terminating,assert_identity,assert_called_identity,add_p_charging_vector} \
         M_{enforce_record_routes,is_in_dialog,save_dialog,update_dialog,drop_dialog} \
         M_{follows_dialog_routes,enforce_dialog_routes,enforce_dialog_requri,record_route} \
         M_{record_route_simple,is_in_dialog_simple,check_session_expires,422_session_expires} \
         M_{release_call,filter_content_type,drop_body}",
        &[],
    ),
    known("msilo", "m_{store,dump}", &[]),
    known("mysql", "", &[]),
    known(
        "nathelper",
        "fix_nated_{contact,sdp,register} nat_uac_test force_rtp_proxy unforce_rtp_proxy ping_contact",
        &["nathelper"],
    ),
    known("options", "options_reply", &[]),
    known("oracle", "", &[]),
    known(
        "osp",
        "checkospheader check_osp_header validateospheader validate_osp_header requestosprouting \
         request_osp_routing preparefirstosproute prepare_1st_osp_route preparenextosproute \
         prepare_next_osp_route prepareallosproutes prepare_all_osp_routes reportospusage \
         report_osp_usage",
        &[],
    ),
    known(
        "pa",
        "handle_{subscription,publish} target_online check_subscription_status store_winfo \
         dump_stored_winfo authorize_message subscribe",
        &[],
    ),
    known(
        "pcscf",
        "P_{add_path,add_require,add_p_charging_vector,add_integrity_protected} \
         P_{add_p_visited_network_id,remove_ck_ik,remove_security_client,remove_security_verify} \
         P_{remove_security_headers,remove_header_tag,verify_security,security_401,security_200} \
         P_{is_integrity_protected,security_relay,NAT_relay,route_to_IBCF,save_location,subscribe} \
         P_{is_registered,assert_identity,is_deregistration,process_notification} \
         P_{mobile_terminating,remove_route,SDP_manipulate,follows_service_routes} \
         P_{enforce_service_routes,is_in_dialog,save_dialog,update_dialog,drop_dialog} \
         P_{follows_dialog_routes,enforce_dialog_routes,record_route,check_session_expires} \
         P_{422_session_expires,assert_called_identity,trans_in_processing,check_via_sent_by} \
         P_{add_via_received,follows_via_list,enforce_via_list,follows_record_routes} \
         P_{enforce_record_routes,release_call_onreply,access_network_info,AAR,STR,generates_aar} \
         P_{accept_anonym_em_call,is_anonymous_user,emergency_flag,emergency_ruri} \
         P_{emergency_serv_enabled,380_em_alternative_serv,select_ecscf,enforce_sos_routes} \
         P_{is_em_registered,add_em_path,check_em_path}",
        &[],
    ),
    known("pdt", "prefix2domain", &[]),
    known(
        "permissions",
        "allow_{routing,register,refer_to,trusted} ipmatch ipmatch_{onsend,filter}",
        &[],
    ),
    known("pike", "pike_check_req", &[]),
    known("postgres", "", &[]),
    known("presence_b2b", "handle_notify", &[]),
    known("print", "print", &[]),
    known("ratelimit", "rl_{check,drop}", &[]),
    known(
        "registrar",
        "save save_{contacts,noreply,contacts_noreply,memory,mem_nr} lookup lookup_contacts registered",
        &[],
    ),
    known(
        "rls",
        "handle_rls_subscription query_rls_services query_resource_list have_flat_list \
         is_simple_rls_target",
        &[],
    ),
    known(
        "rr",
        "record_route record_route_{preset,strict} remove_record_route loose_route",
        &["rr.dialog_cookie"],
    ),
    known("sanity", "sanity_check", &[]),
    known(
        "scscf",
        "S_{is_integrity_protected,is_authorized,challenge,add_path_service_routes,add_allow} \
         S_{add_service_route,check_visited_network_id,add_p_charging_function_addresses} \
         S_{assign_server,emergency_flag,assign_server_unreg,update_contacts,lookup} \
         S_{is_not_registered,term_registered,term_not_registered,term_unregistered} \
         S_{orig_registered,orig_not_registered,orig_unregistered,can_subscribe,subscribe} \
         S_{trans_in_processing,mobile_originating,originating_barred,terminating_barred} \
         S_{is_in_dialog,save_dialog,update_dialog,record_route,is_record_routed} \
         S_{add_p_asserted_identity,check_session_expires,422_session_expires,privacy_hook} \
         S_apply_privacy",
        &[],
    ),
    known("sl", "sl_{send_reply,reply,reply_error}", &[]),
    known("sms", "sms_{send_msg,send_msg_to_net}", &[]),
    known("speeddial", "sd_lookup", &[]),
    known(
        "textops",
        "search search_append replace replace_all subst subst_{uri,user} remove_hf is_present_hf \
         append_to_reply append_{hf,urihf,time,hf_value} insert_hf_value remove_hf_{value,value2} \
         assign_hf_{value,value2} include_hf_value exclude_hf_value hf_value_exists",
        &["hf_value", "hf_value2", "hf_value_exists"],
    ),
    known("timer", "timer_enable", &["timer"]),
    known("tls", "get_tls_session_hash", &["tls"]),
    known(
        "tm",
        "t_{newtran,lookup_request,lookup_cancel,reply,retransmit_reply,release,relay} \
         t_{relay_to,relay_to_udp,relay_to_tcp,relay_to_tls,replicate,replicate_to} \
         t_{replicate_udp,replicate_tcp,replicate_tls,forward_nonack,forward_nonack_uri} \
         t_{forward_nonack_to,forward_nonack_udp,forward_nonack_tcp,forward_nonack_tls} \
         t_{on_failure,on_reply,on_branch,check_status,write_req,write_unix,set_fr} \
         t_{branch_timeout,branch_replied,any_timeout,any_replied,is_canceled}",
        &["tm"],
    ),
    known("uac", "uac_{replace_from,restore_from,auth}", &[]),
    known("unixsock", "", &[]),
    known(
        "uri",
        "is_user has_totag uri_param add_uri_param tel2sip",
        &[],
    ),
    known(
        "uri_db",
        "lookup_user check_uri check_to check_from does_uri_exist",
        &[],
    ),
    known("uri_radius", "radius_does_uri_exist", &[]),
    known("usrloc", "read_reg_avps", &[]),
    known("xcap", "set_xcap_{root,filename}", &[]),
    known("xlog", "xlog xdbg", &[]),
    known("xmlrpc", "", &[]),
];

impl Known {
    fn has_select(&self, text: &str) -> bool {
        self.selects.iter().any(|begin| {
            let rest = text.strip_prefix(begin);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

/// A function and its module.
struct Function {
    name: String,
    module: &'static str,
}

/// All functions, written out once.
fn all_functions() -> &'static [Function] {
    static ALL: OnceLock<Vec<Function>> = OnceLock::new();
    ALL.get_or_init(|| {
        let of = |known: &'static Known| {
            let written = known.functions.split_whitespace().flat_map(spelt_out);
            written.map(|name| Function {
                name,
                module: known.module,
            })
        };
        MODULES.iter().flat_map(of).collect()
    })
}

/// `P_{a,b}` is `P_a` and `P_b`.
fn spelt_out(written: &str) -> Vec<String> {
    match written.split_once('{') {
        None => vec![written.to_owned()],
        Some((prefix, rest)) => {
            let ends = rest.trim_end_matches('}').split(',');
            ends.map(|end| format!("{prefix}{end}")).collect()
        }
    }
}

/// The modules that have a function of that name, those of today first.
pub fn modules_of_function(name: &str) -> Vec<&'static str> {
    let found = all_functions()
        .iter()
        .filter(|function| function.name == name);
    let mut all: Vec<_> = found.map(|function| function.module).collect();
    // Module auth lists what it had long ago.
    all.sort_by_key(|module| *module == "auth");
    all
}

/// The modules that have selects which begin like `text` (without `@`).
pub fn modules_of_select(text: &str) -> Vec<&'static str> {
    let found = MODULES.iter().filter(|known| known.has_select(text));
    found.map(|known| known.module).collect()
}

/// Names of the functions of all modules but those that `without` names, for suggestions.
pub fn functions(without: impl Fn(&str) -> bool) -> impl Iterator<Item = &'static str> {
    let wanted = all_functions().iter().filter(move |f| !without(f.module));
    wanted.map(|function| function.name.as_str())
}

/// Whether this is a module of SER.
pub fn is_module(name: &str) -> bool {
    MODULES.iter().any(|known| known.module == name)
}

/// Names of all modules, for suggestions.
pub fn modules() -> impl Iterator<Item = &'static str> {
    MODULES.iter().map(|known| known.module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_with_their_module() {
        for (function, modules) in [
            ("t_relay", &["tm"][..]),
            ("t_reply", &["tm"]),
            ("save", &["registrar"]),
            ("save_memory", &["registrar"]),
            ("sl_send_reply", &["sl"]),
            ("P_380_em_alternative_serv", &["pcscf"]),
            ("P_add_path", &["pcscf"]),
            ("www_authorize", &["auth_db", "auth"]),
            ("t_", &[]),
            ("P_{add_path", &[]),
            ("sl_send_replay", &[]),
        ] {
            assert_eq!(modules_of_function(function), modules, "{function}");
        }
    }

    #[test]
    fn selects_are_found_with_their_module() {
        assert_eq!(modules_of_select("eval.pop[-1]"), ["eval"]);
        assert_eq!(modules_of_select("timer[0].enabled"), ["timer"]);
        assert_eq!(modules_of_select("rr.dialog_cookie"), ["rr"]);
        assert!(modules_of_select("rr.uri").is_empty());
        assert!(modules_of_select("tmx").is_empty());
    }

    #[test]
    fn every_list_is_well_formed() {
        for known in MODULES {
            for written in known.functions.split_whitespace() {
                assert_eq!(written.contains('{'), written.ends_with('}'), "{written}");
            }
        }
    }
}
