//! Every message of RFC 4475 and RFC 5118, with what SER makes of it: the good ones in their parts, the
//! others with the reason for which they are dropped.
//!
//! SER's answers were recorded from SER 2.1. It differs in four places: it drops messages with
//! transports other than UDP, TCP and TLS (`transports` once all headers are parsed) and those with a fold
//! in CSeq (`wsinv`), cannot read the From of `longreq`, and takes the first word of an unquoted display
//! name for the whole (`baddn`).

use crate::accessors::exercise;
use crate::messages::every_message;
use bumpalo::Bump;
use ser::core::sip::{FirstLine, Message, Uri};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The fields of a row of `GOOD`, out of a message.
fn row(name: &str, m: &mut Message<'_>) -> [String; 8] {
    let first = match *m.first() {
        FirstLine::Request {
            method_name, uri, ..
        } => format!("{} {}", text(method_name), text(uri)),
        FirstLine::Reply { code, reason, .. } => format!("{code} {}", text(reason)),
    };
    let from = m.from().unwrap_or_default();
    let (number, method) = m.cseq().unwrap_or_default();
    let via = text(m.via1().expect("a Via").hostport);
    [
        name.to_owned(),
        first,
        text(from.uri),
        text(from.tag.unwrap_or_default()),
        text(m.to().unwrap_or_default().uri),
        format!("{} {}", text(number), text(method)),
        via,
        m.via2()
            .expect("good Vias")
            .map_or(String::new(), |v| text(v.host)),
    ]
}

#[test]
fn good_messages_are_taken_apart() {
    let all = every_message();
    for want in GOOD {
        let (name, bytes) = all.iter().find(|(n, _)| n == want[0]).expect(want[0]);
        let arena = Bump::new();
        let mut m = Message::parse(bytes, &arena).expect(name);
        assert_eq!(row(name, &mut m), *want);
        assert_eq!(m.parse_all(), Ok(()), "{name}");
    }
}

#[test]
fn bad_messages_are_refused_with_a_reason() {
    let all = every_message();
    for [name, want] in BAD {
        let (_, bytes) = all.iter().find(|(n, _)| n == name).expect(name);
        let arena = Bump::new();
        let got = Message::parse(bytes, &arena).and_then(|mut m| m.parse_all());
        let error = got.expect_err(name).describe(bytes).to_string();
        assert!(error.starts_with(want), "{name}: {error}");
    }
}

#[test]
fn every_message_is_in_one_of_the_lists() {
    let others = [
        "rfc4475/intmeth.dat",
        "rfc4475/unreason.dat",
        "rfc4475/longreq.dat",
    ];
    for (name, _) in every_message() {
        let good = GOOD.iter().filter(|row| row[0] == name).count();
        let bad = BAD.iter().filter(|row| row[0] == name).count();
        let other = others.iter().filter(|n| **n == name).count();
        assert_eq!(good + bad + other, 1, "{name}");
    }
}

#[test]
fn nothing_asked_of_a_torture_message_panics() {
    for (name, bytes) in every_message() {
        let bad = BAD.iter().any(|row| row[0] == name);
        assert_eq!(exercise(&bytes).is_err(), bad, "{name}");
    }
}

#[test]
fn the_odd_methods_and_names_of_intmeth_are_kept_byte_by_byte() {
    let all = every_message();
    let (_, bytes) = all
        .iter()
        .find(|(n, _)| n == "rfc4475/intmeth.dat")
        .expect("intmeth");
    let arena = Bump::new();
    let mut m = Message::parse(bytes, &arena).unwrap();
    let FirstLine::Request {
        method_name, uri, ..
    } = *m.first()
    else {
        panic!("no request");
    };
    assert_eq!(method_name, b"!interesting-Method0123456789_*+`.%indeed'~");
    let uri = Uri::parse(uri).unwrap();
    assert_eq!(
        uri.user,
        b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    );
    assert_eq!(uri.passwd, b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)");
    assert_eq!(
        m.to().unwrap().display,
        b"\"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\""
    );
    let from = m.from().unwrap();
    assert_eq!(from.display, b"token1~` token2'+_ token3*%!.-");
    assert_eq!(from.tag, Some(&b"_token~1'+`*%!-."[..]));
    let param = from.params.get("fromParam''~+*_!.-%".as_bytes());
    assert_eq!(param, Some(Some("работающий".as_bytes())));
    assert_eq!(
        m.call_id().unwrap(),
        b"intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    );
    assert_eq!(m.parse_all(), Ok(()));
}

#[test]
fn the_reason_phrase_of_unreason_is_kept_byte_by_byte() {
    let all = every_message();
    let (_, bytes) = all
        .iter()
        .find(|(n, _)| n == "rfc4475/unreason.dat")
        .expect("unreason");
    let arena = Bump::new();
    let m = Message::parse(bytes, &arena).unwrap();
    let FirstLine::Reply { code, reason, .. } = *m.first() else {
        panic!("no reply");
    };
    assert_eq!(
        (code, text(reason).as_str()),
        (200, "= 2**3 * 5**2 но сто девяносто девять - простое")
    );
}

#[test]
fn the_long_values_and_thirty_four_vias_of_longreq_are_read() {
    let all = every_message();
    let (_, bytes) = all
        .iter()
        .find(|(n, _)| n == "rfc4475/longreq.dat")
        .expect("longreq");
    let arena = Bump::new();
    let mut m = Message::parse(bytes, &arena).unwrap();
    assert_eq!(m.parse_all(), Ok(()));
    assert_eq!(m.parsed_vias().count(), 34);
    let last = m.parsed_vias().last().unwrap();
    assert_eq!(
        (last.host, last.received),
        (&b"host.example.com"[..], Some(&b"192.0.2.5"[..]))
    );
    assert!(last.branch.unwrap().len() > 200);
    let from = m.from().unwrap();
    assert_eq!((from.uri.len(), from.tag.unwrap().len()), (131, 155));
    assert!(from.params.iter().any(|(_, value)| value.is_none()));
    let to = m.to().unwrap();
    assert!(
        to.display
            .starts_with(b"\"I have a user name of extremeextreme")
    );
    assert_eq!(m.content_length(), Ok(Some(150)));
}

/// Name; first line; From URI and tag; To URI; CSeq; first Via's host and port; second Via's host.
#[rustfmt::skip]
const GOOD: &[[&str; 8]] = &[
    ["rfc4475/badaspec.dat", "OPTIONS sip:user@example.org", "sip:a.g.bell@example.com", "433423", "sip:t.watson@example.org", "3923239 OPTIONS", "host4.example.com:5060", ""],
    ["rfc4475/badbranch.dat", "OPTIONS sip:user@example.com", "sip:caller@example.org", "33242", "sip:user@example.com", "8 OPTIONS", "192.0.2.1", ""],
    ["rfc4475/baddate.dat", "INVITE sip:user@example.com", "sip:caller@example.net", "2234923", "sip:user@example.com", "1392934 INVITE", "host.example.com", ""],
    ["rfc4475/baddn.dat", "OPTIONS sip:t.watson@example.org", "sip:a.g.bell@example.com", "43", "sip:t.watson@example.org", "3923239 OPTIONS", "c.example.com:5060", ""],
    ["rfc4475/bcast.dat", "200 OK", "sip:user@example.com", "11141343", "sip:user@example.edu", "35 INVITE", "192.0.2.198", "255.255.255.255"],
    ["rfc4475/bext01.dat", "OPTIONS sip:user@example.com", "sip:caller@example.net", "242etr", "sip:j_user@example.com", "8 OPTIONS", "fold-and-staple.example.com", ""],
    ["rfc4475/clerr.dat", "INVITE sip:user@example.com", "sip:caller@example.net", "93942939o2", "sip:j.user@example.com", "8 INVITE", "host5.example.com", ""],
    ["rfc4475/cparam01.dat", "REGISTER sip:example.com", "sip:watson@example.com", "DkfVgjkrtMwaerKKpe", "sip:watson@example.com", "2 REGISTER", "saturn.example.com:5060", ""],
    ["rfc4475/cparam02.dat", "REGISTER sip:example.com", "sip:watson@example.com", "838293", "sip:watson@example.com", "3 REGISTER", "saturn.example.com:5060", ""],
    ["rfc4475/dblreq.dat", "REGISTER sip:example.com", "sip:j.user@example.com", "43251j3j324", "sip:j.user@example.com", "8 REGISTER", "192.0.2.125", ""],
    ["rfc4475/esc01.dat", "INVITE sip:sips%3Auser%40example.com@example.net", "sip:I%20have%20spaces@example.net", "938", "sip:%75se%72@example.com", "234234 INVITE", "host5.example.net", ""],
    ["rfc4475/esc02.dat", "RE%47IST%45R sip:registrar.example.com", "sip:resource@example.com", "f232jadfj23", "sip:resource@example.com", "29344 RE%47IST%45R", "host.example.com", ""],
    ["rfc4475/escnull.dat", "REGISTER sip:example.com", "sip:null-%00-null@example.com", "839923423", "sip:null-%00-null@example.com", "14398234 REGISTER", "host5.example.com", ""],
    ["rfc4475/escruri.dat", "INVITE sip:user@example.com?Route=%3Csip:example.com%3E", "sip:caller@example.net", "341518", "sip:user@example.com", "149209342 INVITE", "host-of-the-hour.example.com", ""],
    ["rfc4475/insuf.dat", "INVITE sip:user@example.com", "", "", "", "193942 INVITE", "192.0.2.95", ""],
    ["rfc4475/inv2543.dat", "INVITE sip:UserB@example.com", "sip:+13035551111@ift.client.example.net;user=phone", "", "sip:+16505552222@ss1.example.net", "56 INVITE", "iftgw.example.com", ""],
    ["rfc4475/invut.dat", "INVITE sip:user@example.com", "sip:caller@example.net", "8392034", "sip:j.user@example.com", "235448 INVITE", "somehost.example.com", ""],
    ["rfc4475/ltgtruri.dat", "INVITE <sip:user@example.com>", "sip:caller@example.net", "39291", "sip:user@example.com", "1 INVITE", "192.0.2.5", ""],
    ["rfc4475/lwsdisp.dat", "OPTIONS sip:user@example.com", "sip:caller@example.com", "323", "sip:user@example.com", "60 OPTIONS", "funky.example.com", ""],
    ["rfc4475/mcl01.dat", "OPTIONS sip:user@example.com", "sip:other@example.net", "3923942", "sip:user@example.com", "15932 OPTIONS", "host5.example.net", ""],
    ["rfc4475/mismatch01.dat", "OPTIONS sip:user@example.com", "sip:caller@example.net", "34525", "sip:j.user@example.com", "8 INVITE", "host.example.com", ""],
    ["rfc4475/mismatch02.dat", "NEWMETHOD sip:user@example.com", "sip:caller@example.net", "34525", "sip:j.user@example.com", "8 INVITE", "host.example.net", ""],
    ["rfc4475/mpart01.dat", "MESSAGE sip:kumiko@example.org", "sip:fluffy@example.com", "2fb0dcc9", "sip:kumiko@example.org", "1 MESSAGE", "127.0.0.1:5070", ""],
    ["rfc4475/multi01.dat", "INVITE sip:user@company.com", "sip:caller@example.com", "3413415", "sip:user@example.com", "5 INVITE", "192.0.2.25", ""],
    ["rfc4475/noreason.dat", "100 ", "sip:user@example.com", "39ansfi3", "sip:user@example.edu", "35 INVITE", "192.0.2.105", ""],
    ["rfc4475/novelsc.dat", "OPTIONS soap.beep://192.0.2.103:3002", "sip:caller@example.net", "384", "sip:user@example.com", "3923423 OPTIONS", "host9.example.com", ""],
    ["rfc4475/regaut01.dat", "REGISTER sip:example.com", "sip:j.user@example.com", "87321hj23128", "sip:j.user@example.com", "9338 REGISTER", "192.0.2.253", ""],
    ["rfc4475/regbadct.dat", "REGISTER sip:example.com", "sip:user@example.com", "998332", "sip:user@example.com", "1 REGISTER", "135.180.130.133:5060", ""],
    ["rfc4475/regescrt.dat", "REGISTER sip:example.com", "sip:user@example.com", "8", "sip:user@example.com", "14398234 REGISTER", "host5.example.com", ""],
    ["rfc4475/scalar02.dat", "REGISTER sip:example.com", "sip:user@example.com", "239232jh3", "sip:user@example.com", "36893488147419103232 REGISTER", "host129.example.com", ""],
    ["rfc4475/scalarlg.dat", "503 Service Unavailable", "sip:other@example.net", "2easdjfejw", "sip:user@example.com", "9292394834772304023312 OPTIONS", "host129.example.com", ""],
    ["rfc4475/sdp01.dat", "INVITE sip:user@example.com", "sip:caller@example.net", "234", "sip:j_user@example.com", "8 INVITE", "192.0.2.15", ""],
    ["rfc4475/semiuri.dat", "OPTIONS sip:user;par=u%40example.net@example.com", "sip:caller@example.org", "33242", "sip:j_user@example.com", "8 OPTIONS", "192.0.2.1", ""],
    ["rfc4475/transports.dat", "OPTIONS sip:user@example.com", "sip:caller@example.com", "323", "sip:user@example.com", "60 OPTIONS", "t1.example.com", "t2.example.com"],
    ["rfc4475/trws.dat", "OPTIONS sip:remote-target@example.com", "sip:local-resource@example.com", "329429089", "sip:remote-target@example.com", "238923 OPTIONS", "host1.examle.com", ""],
    ["rfc4475/unkscm.dat", "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent", "sip:caller@example.net", "384", "sip:user@example.com", "3923423 OPTIONS", "host9.example.com", ""],
    ["rfc4475/unksm2.dat", "REGISTER sip:example.com", "http://www.example.com", "3234233", "isbn:2983792873", "234902 REGISTER", "192.0.2.21:5060", ""],
    ["rfc4475/wsinv.dat", "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam", "sip:jdrosen@example.com", "98asjd8", "sip:vivekg@chair-dnrc.example.com", "0009 INVITE", "192.0.2.2", "spindle.example.com"],
    ["rfc4475/zeromf.dat", "OPTIONS sip:user@example.com", "sip:caller@example.net", "3ghsd41", "sip:user@example.com", "39234321 OPTIONS", "host1.example.com", ""],
    ["rfc5118/ipv4-mapped-ipv6.dat", "INVITE sip:user@example.com", "sip:user@east.example.com", "81x2", "sip:user@example.com", "612 INVITE", "[::ffff:192.0.2.10]:19823", "[::ffff:192.0.2.2]"],
    ["rfc5118/ipv6-bad.dat", "REGISTER sip:2001:db8::10", "sip:user@example.com", "81x2", "sip:user@example.com", "98176 REGISTER", "[2001:db8::9:1]", ""],
    ["rfc5118/ipv6-bug-abnf-3-colons.dat", "OPTIONS sip:user@[2001:db8:::192.0.2.1]", "sip:user@example.com", "810x2", "sip:user@[2001:db8:::192.0.2.1]", "689 OPTIONS", "lab1.east.example.com", ""],
    ["rfc5118/ipv6-correct-abnf-2-colons.dat", "OPTIONS sip:user@[2001:db8::192.0.2.1]", "sip:user@example.com", "810x2", "sip:user@[2001:db8::192.0.2.1]", "689 OPTIONS", "lab1.east.example.com", ""],
    ["rfc5118/ipv6-good.dat", "REGISTER sip:[2001:db8::10]", "sip:user@example.com", "81x2", "sip:user@example.com", "98176 REGISTER", "[2001:db8::9:1]", ""],
    ["rfc5118/ipv6-in-sdp.dat", "INVITE sip:user@[2001:db8::10]", "sip:user@example.com", "81x2", "sip:user@[2001:db8::10]", "8612 INVITE", "[2001:db8::20]", ""],
    ["rfc5118/mult-ip-in-header.dat", "BYE sip:user@host.example.net", "sip:user@example.com", "81x2", "sip:user@example.net", "89187 BYE", "[2001:db8::9:1]:6050", "192.0.2.1"],
    ["rfc5118/mult-ip-in-sdp.dat", "INVITE sip:user@[2001:db8::10]", "sip:user@example.com", "81x2", "sip:user@[2001:db8::10]", "8912 INVITE", "[2001:db8::9:1]", ""],
    ["rfc5118/port-ambiguous.dat", "REGISTER sip:[2001:db8::10:5070]", "sip:user@example.com", "81x2", "sip:user@example.com", "98176 REGISTER", "[2001:db8::9:1]", ""],
    ["rfc5118/port-unambiguous.dat", "REGISTER sip:[2001:db8::10]:5070", "sip:user@example.com", "81x2", "sip:user@example.com", "98176 REGISTER", "[2001:db8::9:1]", ""],
    ["rfc5118/via-received-param-no-delim.dat", "OPTIONS sip:[2001:db8::10]", "sip:user@example.com", "81x2", "sip:user@example.com", "921 OPTIONS", "[2001:db8::9:1]", ""],
    ["rfc5118/via-received-param-with-delim.dat", "BYE sip:[2001:db8::10]", "sip:user@example.com", "81x2", "sip:user@example.com", "321 BYE", "[2001:db8::9:1]", ""],
];

/// Name and the start of the reason.
#[rustfmt::skip]
const BAD: &[[&str; 2]] = &[
    ["rfc4475/badinv01.dat", "bad via at byte 216"],
    ["rfc4475/badvers.dat", "bad via at byte 51"],
    ["rfc4475/bigcode.dat", "len(status code)!=3: 4294967301"],
    ["rfc4475/lwsruri.dat", "bad request first line"],
    ["rfc4475/lwsstart.dat", "bad request first line"],
    ["rfc4475/ncl.dat", "bad Content-Length at byte 326"],
    ["rfc4475/quotbal.dat", "invalid To or From at byte 41"],
];
