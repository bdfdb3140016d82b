//! `serctl ul` and `serctl alias`: contacts in the location tables in memory; `serctl online`.
//!
//! A user is named as the original wanted it, `user@domain` or `user`, whose domain is then `SIP_DOMAIN`. Which uid the
//! server keeps that user's contacts under depends on its config (`use_domain`, `$t.uid`), so the server is asked:
//! what is in the table under the name as given is meant, else what module registrar makes of it.

use crate::verbs::wrong_use;
use crate::{Client, Failure, Tool, Value};
use ser::core::rpc::RpcValue;
use ser::core::sip::Uri;
use std::collections::BTreeSet;
use std::io::{BufRead, Write};

/// A contact that never expires.
const PERMANENT: i64 = 128;
/// Buckets of a table that are asked for at once: a reply stays far below what BINRPC carries.
const PART: i64 = 512;

/// `ul show`
pub fn ul_show(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    show("ul show", tool, tool.get("UL_TABLE"), args, out)
}

/// `alias show`
pub fn alias_show(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    show("alias show", tool, tool.get("ALS_TABLE"), args, out)
}

/// `ul add`
pub fn ul_add(tool: &Tool, args: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    add("ul add", tool, tool.get("UL_TABLE"), args)
}

/// `alias add`
pub fn alias_add(tool: &Tool, args: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    add("alias add", tool, tool.get("ALS_TABLE"), args)
}

/// `ul rm`
pub fn ul_rm(tool: &Tool, args: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    rm("ul rm", tool, tool.get("UL_TABLE"), args)
}

/// `alias rm`
pub fn alias_rm(tool: &Tool, args: &[String], _: &mut dyn Write) -> Result<(), Failure> {
    rm("alias rm", tool, tool.get("ALS_TABLE"), args)
}

/// `online`: who has a contact.
pub fn online(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    if !args.is_empty() {
        return Err(wrong_use("online"));
    }
    let mut users = BTreeSet::new();
    dump(&mut tool.connect()?, tool.get("UL_TABLE"), |contact| {
        users.insert(contact.str("uid")?.to_owned());
        Ok(())
    })?;
    users
        .iter()
        .try_for_each(|user| Ok(writeln!(out, "{user}")?))
}

fn show(
    verb: &str,
    tool: &Tool,
    table: &str,
    args: &[String],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut client = tool.connect()?;
    match args {
        [] if !sure()? => Ok(()),
        [] => dump(&mut client, table, |contact| {
            let (uid, line) = (contact.str("uid")?, line(contact)?);
            Ok(writeln!(out, "{uid}\t{line}")?)
        }),
        [user] => {
            let user = User::find(&mut client, tool, table, user)?;
            user.contacts
                .iter()
                .try_for_each(|contact| Ok(writeln!(out, "{}", line(contact)?)?))
        }
        _ => Err(wrong_use(verb)),
    }
}

/// The original's question, and its answers.
fn sure() -> Result<bool, Failure> {
    eprint!("Dumping all contacts may take long: are you sure you want to proceed? [Y|N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y"))
}

/// Every contact of a table that holds, part by part.
fn dump(
    client: &mut Client,
    table: &str,
    mut take: impl FnMut(&Value) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for first in (0..).step_by(PART as usize) {
        let params = [text(table), RpcValue::Int(first), RpcValue::Int(PART)];
        match client.call("usrloc.dump", &params) {
            Ok(part) => {
                let mut contacts = part.iter().filter(|contact| holds(contact));
                contacts.try_for_each(&mut take)?;
            }
            // Behind the last bucket.
            Err(Failure::Fault { code: 404, .. }) => break,
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

/// As the original's server wrote it.
fn line(contact: &Value) -> Result<String, Failure> {
    let mut line = format!("<{}>", contact.str("contact")?);
    let q = contact.f64("q")?;
    if q >= 0.0 {
        line.push_str(&format!(";q={q:.2}"));
    }
    match (contact.int("expires")?, is_permanent(contact)) {
        (_, true) => line.push_str(";expires=permanent"),
        (seconds, false) => line.push_str(&format!(";expires={seconds}")),
    }
    Ok(line)
}

/// Of a user's contacts only those are shown that hold, and there are no flags: one whose time is over has no end.
fn is_permanent(contact: &Value) -> bool {
    match contact.get("flags").and_then(Value::as_int) {
        Some(flags) => flags & PERMANENT != 0,
        None => contact.int("expires").is_ok_and(|seconds| seconds <= 0),
    }
}

/// A dump has what has expired and was not swept away yet.
fn holds(contact: &Value) -> bool {
    is_permanent(contact) || contact.int("expires").is_ok_and(|seconds| seconds > 0)
}

fn add(verb: &str, tool: &Tool, table: &str, args: &[String]) -> Result<(), Failure> {
    let (user, uri, expires) = match args {
        [user, uri] => (user, uri, None),
        [user, uri, expires] => (user, uri, Some(expires)),
        _ => return Err(wrong_use(verb)),
    };
    check_uri(uri)?;
    let expires: Option<i64> = match expires.map(|n| n.parse()) {
        None => None,
        Some(Ok(seconds @ 1..)) => Some(seconds),
        Some(_) => return Err(wrong_use(verb)),
    };
    let mut client = tool.connect()?;
    refuse_overlap(&mut client, tool, table, user)?;
    let uid = match User::find(&mut client, tool, table, user) {
        Ok(known) => known.uid,
        Err(Failure::Fault { code: 404, .. }) => uid_of(&mut client, tool, user)?,
        Err(why) => return Err(why),
    };
    let flags = if expires.is_none() { PERMANENT } else { 0 };
    let params = [
        text(table),
        text(&uid),
        text(uri),
        RpcValue::Int(expires.unwrap_or(0)),
        RpcValue::Double(1.0),
        RpcValue::Int(flags),
    ];
    client.call("usrloc.add_contact", &params).map(drop)
}

/// An alias must not be there yet, and a user not have the name of one (the original's texts).
fn refuse_overlap(
    client: &mut Client,
    tool: &Tool,
    table: &str,
    user: &str,
) -> Result<(), Failure> {
    let aliases = tool.get("ALS_TABLE");
    match User::find(client, tool, aliases, user) {
        Ok(_) => Err(Failure::other("Overlap with an existing alias")),
        Err(Failure::Fault { code: 404, .. }) => Ok(()),
        Err(Failure::Fault { code: 400, reason }) if reason == "Table Not Found" => {
            match table == aliases {
                true => Err(Failure::other("400; check if you use aliases in SER")),
                false => Ok(()),
            }
        }
        Err(why) => Err(why),
    }
}

fn rm(verb: &str, tool: &Tool, table: &str, args: &[String]) -> Result<(), Failure> {
    let mut client = tool.connect()?;
    let (method, user, contact) = match args {
        [user] => ("usrloc.delete_uid", user, None),
        [user, contact] => ("usrloc.delete_contact", user, Some(contact)),
        _ => return Err(wrong_use(verb)),
    };
    let known = User::find(&mut client, tool, table, user)?;
    let mut params = vec![text(table), text(&known.uid)];
    params.extend(contact.map(|uri| text(uri)));
    client.call(method, &params).map(drop)
}

fn check_uri(uri: &str) -> Result<(), Failure> {
    match Uri::parse(uri.as_bytes()) {
        Ok(parsed) if !parsed.host.is_empty() => Ok(()),
        Ok(_) | Err(_) => Err(Failure::Other(format!("invalid URI: {uri}"))),
    }
}

fn text(text: &str) -> RpcValue {
    RpcValue::Str(text.into())
}

/// A user who has contacts.
struct User {
    uid: String,
    contacts: Vec<Value>,
}

impl User {
    /// Under the name as given, else under the uid that the server makes of it.
    fn find(client: &mut Client, tool: &Tool, table: &str, name: &str) -> Result<User, Failure> {
        let mut show = |uid: &str| {
            let contacts = client.call("usrloc.show_contacts", &[text(table), text(uid)])?;
            Ok(User {
                uid: uid.to_owned(),
                contacts,
            })
        };
        match show(name) {
            Err(Failure::Fault { code: 404, .. }) => {}
            done => return done,
        }
        let uid = uid_of(client, tool, name)?;
        let contacts = client.call("usrloc.show_contacts", &[text(table), text(&uid)])?;
        Ok(User { uid, contacts })
    }
}

/// The uid of a user who has no contacts yet.
fn uid_of(client: &mut Client, tool: &Tool, name: &str) -> Result<String, Failure> {
    let domain = tool.get("SIP_DOMAIN");
    let full = match name.contains('@') || domain.is_empty() {
        true => name.to_owned(),
        false => format!("{name}@{domain}"),
    };
    match client.call("registrar.uid", &[text(&full)]) {
        Ok(reply) => {
            let uid = reply.first().and_then(Value::as_str);
            uid.map(str::to_owned)
                .ok_or_else(|| Failure::other("registrar.uid: an empty reply"))
        }
        Err(Failure::Fault { reason, .. }) if reason == "Domain missing" => Err(Failure::other(
            "domain unknown: use usernames with domain or set default domain in SIP_DOMAIN",
        )),
        // A server without module registrar, or of another make: the name is the uid.
        Err(why) if why.is_unknown_method() => Ok(name.to_owned()),
        Err(why) => Err(why),
    }
}
