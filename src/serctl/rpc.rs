//! `serctl rpc`: any RPC method, its parameters typed and its reply shown as sercmd does (reference: rpc-core §7).

use crate::verbs::wrong_use;
use crate::{Failure, Tool};
use ser::core::rpc::RpcValue;
use std::io::Write;

/// Calls a method and shows a value a line.
pub fn run(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let (method, params) = args.split_first().ok_or_else(|| wrong_use("rpc"))?;
    let params: Vec<RpcValue> = params.iter().map(|word| typed(word)).collect();
    for value in tool.connect()?.call(method, &params)? {
        writeln!(out, "{value}")?;
    }
    Ok(())
}

/// A whole number, a number with a fraction, or text; `s:` in front makes text of anything.
fn typed(word: &str) -> RpcValue {
    if let Some(text) = word.strip_prefix("s:") {
        return RpcValue::Str(text.into());
    }
    // `parse` alone would take "inf" and "nan" for numbers.
    let numeric = word.bytes().any(|b| b.is_ascii_digit());
    let whole = word.parse().ok().map(RpcValue::Int);
    let fraction = || word.parse().ok().filter(|_| numeric).map(RpcValue::Double);
    whole
        .or_else(fraction)
        .unwrap_or_else(|| RpcValue::Str(word.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_have_the_types_that_sercmd_gives_them() {
        assert_eq!(typed("7"), RpcValue::Int(7));
        assert_eq!(typed("-7"), RpcValue::Int(-7));
        assert_eq!(typed("0.5"), RpcValue::Double(0.5));
        assert_eq!(typed("s:7"), RpcValue::Str(b"7".to_vec()));
        for word in ["sip:a@b", "", ".", "7x", "nan", "127.0.0.1"] {
            assert_eq!(typed(word), RpcValue::Str(word.into()), "{word}");
        }
    }
}
