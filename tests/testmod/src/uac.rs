//! Requests of our own and dialogs, through the API of tm, from whatever process a test wants.

use crate::tell;
use ser::core::dialog::Dialog;
use ser::core::module::api::tm::{TmApi, TmCallback, TmCallbackId, TmEvent, UacRequest};
use ser::core::module::api::{self};
use ser::core::module::{Args, IntParam, StrParam};
use ser::core::msg::{Bump, SipMsg};
use ser::core::sip::Method;
use ser::core::time::register_timer;
use ser::ipc::{LockRank, ShmMutex, ShmStr, ShmTag, ranked, shm_static};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// 1: module tm is bound.
pub(crate) static TM: IntParam = IntParam::new(0);
/// A URI that the timer process sends one MESSAGE to.
pub(crate) static TIMER_URI: StrParam = StrParam::none();

struct Bound {
    tm: &'static TmApi,
    callback: TmCallbackId,
    /// The dialog that was made last, as bytes.
    dialog: &'static ShmMutex<ShmStr>,
}

static BOUND: OnceLock<Bound> = OnceLock::new();

pub(crate) fn init() -> Result<(), String> {
    if TM.get() == 0 {
        return Ok(());
    }
    let tm = api::bind::<TmApi>("tm").ok_or("load tm first")?;
    let dialog = ranked(LockRank::MODULE, ShmStr::EMPTY);
    let bound = Bound {
        tm,
        callback: tm.0.register_callback("testmod: told", told),
        dialog: shm_static(dialog, ShmTag::CORE).map_err(|_| "no shared memory")?,
    };
    BOUND.get_or_init(|| bound);
    if TIMER_URI.get().is_some() {
        register_timer("testmod: uac", in_timer, 0, 1)?;
    }
    Ok(())
}

fn bound() -> &'static Bound {
    BOUND.get().expect("modparam(\"testmod\", \"tm\", 1)")
}

fn keep(dialog: &Dialog<'_>, arena: &Bump) {
    let bytes = ShmStr::try_new_in(dialog.pack(arena), ShmTag::CORE).expect("room");
    bound().dialog.lock().replace(bytes);
}

fn kept(arena: &Bump) -> Dialog<'_> {
    let bytes = arena.alloc_slice_copy(&bound().dialog.lock());
    Dialog::unpack(bytes).expect("a dialog was kept")
}

/// Keeps the dialog that a 2xx to an INVITE made, and tells what happened.
fn told(told: &mut TmCallback<'_, '_>) {
    if told.event == TmEvent::LocalCompleted
        && (200..300).contains(&told.code)
        && let (Some(request), Some(reply)) = (&mut told.request, &mut told.reply)
        && request.sip.method() == Method::Invite
    {
        let arena = request.arena;
        let mut dialog = Dialog::of_request(request).expect("our own request");
        dialog.response_uac(reply).expect("its reply");
        keep(&dialog, arena);
    }
    let request = told.request.as_mut().map(|r| r.original_uri());
    let uri = String::from_utf8_lossy(request.unwrap_or_default()).into_owned();
    let reply = if told.reply.is_some() {
        "reply"
    } else {
        "none"
    };
    tell(format_args!(
        "{:?} {} {reply} param {} to {uri}",
        told.event, told.code, told.param
    ));
}

fn send(request: &UacRequest<'_>) -> i32 {
    match bound().tm.0.request(request) {
        Ok(id) => {
            tell(format_args!("sent, transaction: {}", id.is_some()));
            1
        }
        Err(error) => {
            tell(format_args!("not sent: {error}"));
            -1
        }
    }
}

fn plain<'r>(method: &'r [u8], uri: &'r [u8], param: u64) -> UacRequest<'r> {
    UacRequest {
        method,
        ruri: uri,
        to: uri,
        from: b"\"Test\" <sip:test@localhost>",
        headers: b"Contact: <sip:test@localhost>\r\n",
        callback: Some((bound().callback, param)),
        events: TmEvent::Destroyed as u16,
        ..UacRequest::default()
    }
}

/// `test_request(method, uri)`
pub(crate) fn request(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let (Some(method), Some(uri)) = (args.str(0, msg), args.str(1, msg)) else {
        return -1;
    };
    send(&plain(method, uri, 7))
}

/// `test_within(method)`: in the dialog that was made last.
pub(crate) fn within(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(method) = args.str(0, msg) else {
        return -1;
    };
    let mut dialog = kept(msg.arena);
    let request = UacRequest::within(&mut dialog, method, msg.arena);
    let request = UacRequest {
        callback: Some((bound().callback, 8)),
        ..request.expect("a confirmed dialog")
    };
    keep(&dialog, msg.arena);
    send(&request)
}

/// `test_answer()`: answers an INVITE with 200 and keeps the dialog.
pub(crate) fn answer(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    const TAG: &[u8] = b"test-uas";
    let dialog = Dialog::new_uas(msg, 200, TAG).expect("a new call");
    keep(&dialog, msg.arena);
    bound().tm.0.newtran(msg);
    bound().tm.0.reply_tagged(msg, 200, b"OK", TAG)
}

fn in_timer(_seconds: u32, _param: u64) {
    static SENT: AtomicBool = AtomicBool::new(false);
    if !SENT.swap(true, Ordering::Relaxed) {
        send(&plain(b"MESSAGE", TIMER_URI.bytes(), 9));
    }
}
