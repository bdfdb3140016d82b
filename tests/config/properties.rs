//! Whatever is in the file, the reader neither panics nor hangs, and its messages can be shown.

use proptest::collection::vec;
use proptest::prelude::*;
use ser::core::config::{Modules, SourceFile, load};

/// Reads and compiles a text without loading modules; the number of errors.
fn read(bytes: &[u8]) -> usize {
    let source = SourceFile {
        name: "ser.cfg".into(),
        bytes: bytes.to_vec(),
    };
    let loaded = load(&source, Modules::None);
    let shown = loaded.found.render(&source, false);
    let errors = loaded.found.errors();
    assert_eq!(errors == 0, !shown.contains("error: "), "{shown}");
    errors
}

/// Words and characters of the language, more often than others.
fn config_text(len: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        12 => prop::sample::select(vec![
            "route", "failure_route", "onsend_route", "{", "}", "(", ")", ";", "if", "else", "&&", "||", "!",
            "|", "&", "==", "!=", "=~", "<", ">=", "=", "$x", "$f.x", "$x[1]", "$?", "%", "@from.uri", "@ruri",
            "@x[\"a\"][2].y", "@", "method", "uri", "src_ip", "myself", "max_len", "msg:len", "snd_ip",
            "10.0.0.0/8", "::1", "[::1]", "\"text\"", "'raw'", "\"sip:(\"", "\"", "'", "\\", "5", "-1", "0x1f",
            "101b", "drop", "exit", "return", "break", "log", "setflag", "append_branch", "forward",
            "uri:host", "uri:port", "rewriteuri", "t_relay", "sl_send_reply", ",", "[", "]", "listen", "alias",
            "children", "debug", "fifo", "udp:1.2.3.4:5060", "*:a:*", "loadmodule", "modparam", "flags",
            "avpflags", "a.b = 5", "/*", "*/", "#", "\n", "#!define", "switch", "while", "+=", "~", "\u{feff}",
        ]).prop_map(|word| word.as_bytes().to_vec()),
        3 => Just(b" ".to_vec()),
        2 => Just(b"\n".to_vec()),
        2 => "[a-zA-Z0-9_.:-]{1,8}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 1..4),
    ];
    vec(piece, 0..len).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        read(&bytes);
    }

    #[test]
    fn arbitrary_words_are_read_or_refused(bytes in config_text(80)) {
        read(&bytes);
        read(&[b"route {", &bytes[..], b"}"].concat());
        read(&[b"route { if (", &bytes[..], b") drop; }"].concat());
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    for (open, close) in [
        ("(", ")"),
        ("{", "}"),
        ("!", ""),
        ("not ", ""),
        ("if (", ")"),
        ("if ", ""),
        ("$x = (", ")"),
        ("{ if (1) ", "}"),
        ("/*", "*/"),
        ("[", "]"),
        ("f(", ")"),
        ("@a.", ""),
        ("@a[", ""),
        ("$a[", ""),
        ("\"", ""),
        ("route {", "}"),
        ("else ", ""),
        ("if (1) { } else ", ""),
    ] {
        let deep = open.repeat(50_000);
        for text in [
            format!("{deep}{}", close.repeat(50_000)),
            deep.clone(),
            format!("route {{ {deep}"),
            format!("route {{ if ({deep}1{} ) drop; }}", close.repeat(50_000)),
            format!("route {{ {deep}drop;{} }}", close.repeat(50_000)),
        ] {
            read(text.as_bytes());
        }
    }
}

#[test]
fn long_chains_are_followed() {
    for (piece, joint) in [
        ("1", "||"),
        ("1", "&&"),
        ("1", "|"),
        ("1", "&"),
        ("method==\"A\"", " or "),
    ] {
        let condition = vec![piece; 50_000].join(joint);
        let text = format!("route {{ if ({condition}) drop; }}");
        assert_eq!(read(text.as_bytes()), 0, "{piece} {joint}");
    }
    let chain = vec!["if (1) drop;"; 20_000].join(" else ");
    assert_eq!(read(format!("route {{ {chain} }}").as_bytes()), 0);
}

#[test]
fn every_beginning_of_a_config_is_read_or_refused() {
    let text = include_bytes!("../../fuzz/corpus/config/new-dialect.cfg");
    for end in 0..text.len() {
        read(&text[..end]);
    }
}
