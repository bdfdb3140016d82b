//! Module `uri`.

use crate::scene::Scene;

#[test]
fn parameters_of_the_request_uri_are_asked_for_byte_by_byte() {
    let scene = Scene::new(
        &["sl", "uri"],
        "route {
            if (uri_param(\"lr\")) { sl_send_reply(\"201\", \"lr\"); drop; }
            if (uri_param(\"user\", \"phone\")) { sl_send_reply(\"202\", \"phone\"); drop; }
            sl_send_reply(\"200\", \"none\"); }",
    );
    for (uri, status) in [
        ("sip:a@h;lr", "201 lr"),
        ("sip:a@h;lr=on", "200 none"),
        ("sip:a@h;LR", "200 none"),
        ("sip:a@h;user=phone", "202 phone"),
        ("sip:a@h;user=Phone", "200 none"),
        ("sip:a@h;user=ip;user=phone", "200 none"),
        ("sip:a@h;x=;lr", "200 none"),
        ("sip:a@h", "200 none"),
    ] {
        assert_eq!(scene.ask("OPTIONS", uri, "").status(), status, "{uri}");
    }
}

#[test]
fn a_parameter_is_added_before_the_headers_of_the_uri() {
    let scene = Scene::new(
        &["uri"],
        "route { add_uri_param(\"p=1\"); forward(@NEXT@); }",
    );
    for (uri, after) in [
        ("sip:a@b", "sip:a@b;p=1"),
        ("sip:a@b;q", "sip:a@b;q;p=1"),
        ("sip:a@b?h=1", "sip:a@b;p=1?h=1"),
    ] {
        assert_eq!(scene.relay("OPTIONS", uri, "").uri(), after);
    }
}

#[test]
fn a_telephone_number_becomes_a_user_of_the_callers_host() {
    let scene = Scene::new(&["uri"], "route { tel2sip(); forward(@NEXT@); }");
    for (uri, after) in [
        ("tel:+49-30-1", "sip:+49-30-1@a.org;user=phone"),
        ("sip:a@b", "sip:a@b"),
    ] {
        assert_eq!(scene.relay("OPTIONS", uri, "").uri(), after);
    }
}

#[test]
fn a_to_tag_is_seen_and_nobody_is_a_user_without_credentials() {
    let scene = Scene::new(
        &["sl", "uri"],
        "route { if (is_user(\"alice\")) { sl_send_reply(\"299\", \"user\"); drop; }
         if (has_totag()) { sl_send_reply(\"201\", \"tag\"); drop; } sl_send_reply(\"200\", \"none\"); }",
    );
    assert_eq!(
        scene.ask("BYE", "sip:a@h", "To: <sip:b@b>;tag=1").status(),
        "201 tag"
    );
    assert_eq!(
        scene.ask("BYE", "sip:a@h", "To: <sip:b@b>;tag=").status(),
        "200 none"
    );
    assert_eq!(scene.ask("BYE", "sip:a@h", "").status(), "200 none");
}
