//! XML-RPC over HTTP, with Python's client.

use crate::common::free_port_pair;
use crate::lab::Lab;

const PYTHON: &str = r#"
import datetime, sys, urllib.request, xmlrpc.client as x
url = f"http://127.0.0.1:{sys.argv[1]}/RPC2"
s = x.ServerProxy(url)
up = s.core.uptime()
assert isinstance(up["uptime"], int) and up["now"].endswith("\n"), up
assert "core.ps" in s.system.listMethods()
assert s.system.methodHelp("core.ps").startswith("Returns the description"), s.system.methodHelp("core.ps")
text = "a <b> & \"c\"\n\té ]]>"
assert s.core.prints(text) == text, s.core.prints(text)
assert s.core.prints(5) == "5"
assert "xmlrpc server" in s.core.ps()
assert s.usrloc.dump() == []
assert not s.usrloc.flush()
for i in range(1500):
    s.usrloc.add_contact("location", f"u{i}", f"sip:u{i}@h", 1000, 0.5, 0)
shown = s.usrloc.show_contacts("location", "u7")
assert isinstance(shown, list) and shown[0]["contact"] == "sip:u7@h", shown
assert len({d["uid"] for d in s.usrloc.dump()}) == 1500
def fault(call, *params):
    try:
        call(*params)
    except x.Fault as f:
        return (f.faultCode, f.faultString)
    raise AssertionError("no fault")
assert fault(s.usrloc.show_contacts, "location", "nobody") == (404, "AOR Not Found")
assert fault(s.no.such) == (500, "Method Not Found")
assert fault(s.system.methodSignature, "core.ps") == (500, "Not Implemented Yet")
code, why = fault(s.core.prints, [1])
assert code == 400 and "parameter 0" in why, why
code, why = fault(s.core.prints)
assert code == 400 and "missing" in why, why
def post(body):
    reply = urllib.request.urlopen(urllib.request.Request(url, body.encode(), {"Content-Type": "text/xml"}))
    try:
        return x.loads(reply.read())
    except x.Fault as f:
        return f.faultString
assert post("<methodCall>") == "Invalid XML-RPC Document"
assert post("<x/>") == "Root Element Is Not methodCall"
assert post(" ") == "Empty XML-RPC Document"
bomb = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><methodCall><methodName>&b;</methodName></methodCall>'
assert post(bomb) == "Invalid XML-RPC Document"
assert post("<methodCall><methodName>core.prints</methodName><params><param><value>bare</value></param></params></methodCall>") == (("bare",), None)
print("done")
"#;

#[test]
fn python_calls_methods_and_gets_faults() {
    let port = free_port_pair();
    let lines = format!(
        "modparam(\"xmlrpc\", \"listen\", \"127.0.0.1:{port}\")\nroute[1] {{ save(\"location\"); }}"
    );
    let lab = Lab::new(&["usrloc", "registrar", "xmlrpc"], &lines);
    assert_eq!(lab.python(PYTHON, &[&port.to_string()]), "done\n");
    let status = "curl -s -o /dev/null -w '%{http_code} '";
    let url = format!("http://127.0.0.1:{port}/RPC2");
    let got = lab.shell(&format!(
        "{status} {url}; {status} -H 'Origin: http://evil.example' -d x {url}"
    ));
    assert_eq!(got, "405 403 ");
    lab.sip_goes_on();
}

#[test]
fn parameters_of_ser_are_accepted() {
    let port = free_port_pair();
    let lines = format!(
        "debug=1\nmodparam(\"xmlrpc\", \"listen\", \"{port}\")\nmodparam(\"xmlrpc\", \"route\", \"RPC\")\n\
         modparam(\"xmlrpc\", \"enable_instrospection\", 1)"
    );
    let lab = Lab::new(&["xmlrpc"], &lines);
    assert!(lab.log().contains("the parameter route has no effect"));
    lab.sip_goes_on();
}
