//! A transaction as it lies in shared memory.
//!
//! Invariant: everything here is read and changed under the lock of the transaction's bucket only, and no
//! script, callback or send runs under it: what is to be sent is copied out first. Deadlines are
//! [`crate::tick`] moments; `retransmit_at` and `expire_at` say what the two timers are set to, which may be
//! earlier than needed and never later.

use crate::client::ClientState;
use crate::identity::Identity;
use crate::server::ServerState;
use crate::table::TxId;
use crate::tick::{self, NEVER};
use ser::core::net::{ReceiveInfo, SocketInfo, socket_by_number};
use ser::core::time::{TimerNode, timer_set};
use ser::ipc::{Fate, Mend, ShmBox, ShmStr, ShmVec};
use std::net::SocketAddr;

ser::shm_struct! {
    /// Where something is sent.
    #[derive(Clone, Copy, Debug)]
    pub struct Dest {
        pub to: SocketAddr,
        /// [`SocketInfo::number`] of the socket it leaves from.
        pub socket: u16,
        /// The connection that it should use, 0: any.
        pub conn: u64,
    }
}

impl Dest {
    /// To `to` from `socket`.
    pub fn new(to: SocketAddr, socket: &SocketInfo, conn: u64) -> Dest {
        Dest {
            to,
            socket: socket.number(),
            conn,
        }
    }

    /// The socket.
    pub fn socket(&self) -> Option<&'static SocketInfo> {
        socket_by_number(self.socket)
    }

    /// Whether datagrams may get lost on the way.
    pub fn is_unreliable(&self) -> bool {
        use ser::core::net::Proto;
        self.socket().is_none_or(|s| s.proto == Proto::Udp)
    }
}

ser::shm_struct! {
    /// Where the request came from.
    #[derive(Clone, Copy, Debug)]
    pub struct Origin {
        pub src: SocketAddr,
        pub dst: SocketAddr,
        pub socket: u16,
        pub conn: u64,
    }
}

impl Origin {
    /// Of a received message.
    pub fn of(rcv: &ReceiveInfo) -> Origin {
        Origin {
            src: rcv.src,
            dst: rcv.dst,
            socket: rcv.socket.map_or(0, SocketInfo::number),
            conn: rcv.conn_id,
        }
    }

    /// As the message was received.
    pub fn receive_info(&self) -> ReceiveInfo {
        let socket = socket_by_number(self.socket);
        ReceiveInfo {
            src: self.src,
            dst: self.dst,
            proto: socket.map_or(ser::core::net::Proto::Udp, |s| s.proto),
            socket,
            conn_id: self.conn,
        }
    }
}

/// Bits of [`Transaction::flags`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Flag {
    Invite = 1,
    /// No replies go upstream: made here, or replicated.
    Local = 2,
    /// A ringing INVITE never ends silently.
    Noisy = 4,
    /// The caller has cancelled it (SER: before it had branches).
    Canceled = 8,
    /// A 6xx has come: the other branches were given up.
    Got6xx = 16,
    /// The script forwarded, replied or released it.
    Handled = 32,
    /// An ACK end to end was seen.
    AckSeen = 64,
    /// A copy of a request that came in: its duplicates belong to it, though it is [`Flag::Local`].
    Replicated = 128,
    /// The request is our own (see `uac`); its text has no Via of ours. With `Local`.
    Uac = 256,
}

/// Bits of [`Branch::flags`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BranchFlag {
    /// It timed out.
    TimedOut = 1,
    /// Some reply came.
    Replied = 2,
    /// A CANCEL is to follow as soon as a provisional reply has come (RFC 3261 §9.1).
    CancelWanted = 4,
    /// Nothing was sent: an application answers for it (`t_write_*`).
    Blind = 8,
    /// It could not be sent again.
    SendFailed = 16,
    /// Its final reply has come, and a script looks at it before it counts.
    InScript = 32,
}

ser::shm_struct! {
    /// Repeated sending.
    #[derive(Clone, Copy, Debug)]
    pub struct Repeater {
        /// When it is sent next.
        pub at: u32,
        /// Ticks between this and the next time but one.
        pub interval: u32,
    }
}

impl Repeater {
    /// Not repeated.
    pub const OFF: Repeater = Repeater {
        at: NEVER,
        interval: 0,
    };

    /// First repeated after `t1` ticks.
    pub fn start(now: u32, t1: u32) -> Repeater {
        Repeater {
            at: tick::after(now, t1),
            interval: t1,
        }
    }

    /// If it is due: moves on (doubled up to `t2`) and returns true.
    pub fn fire(&mut self, now: u32, t2: u32) -> bool {
        let due = tick::is_due(self.at, now);
        if due {
            self.interval = (self.interval * 2).min(t2).max(1);
            // Counted from when it was due, so that lateness does not add up.
            self.at = tick::after(self.at, self.interval);
            if tick::is_due(self.at, now) {
                self.at = tick::after(now, self.interval);
            }
        }
        due
    }

    /// From now on every `t2`.
    pub fn slow(&mut self, now: u32, t2: u32) {
        if self.at != NEVER {
            *self = Repeater {
                at: tick::after(now, t2),
                interval: t2,
            };
        }
    }
}

ser::shm_struct! {
    /// A CANCEL under way.
    pub struct Cancel {
        pub request: ShmStr,
        pub repeat: Repeater,
        /// When it is given up.
        pub fr_at: u32,
    }
}

ser::shm_struct! {
    /// One branch: the client side.
    pub struct Branch {
        pub state: ClientState,
        pub flags: u8,
        /// Status code of the last reply, real or assumed; 0: none.
        pub last: u16,
        pub to: Dest,
        /// The request as sent; empty in a blind branch and in one that waits for its name.
        pub request: ShmStr,
        /// What is needed to send it once its name is known, see `resolving`.
        pub later: ShmStr,
        pub repeat: Repeater,
        pub fr_at: u32,
        /// The ringing timer is running, no longer that for the first reply.
        pub ringing: bool,
        /// The last final reply, ready to be passed on; empty: there is none.
        pub reply: ShmStr,
        pub cancel: Option<ShmBox<Cancel>>,
    }
}

impl Branch {
    /// A branch that goes to `to`.
    pub fn new(state: ClientState, to: Dest) -> Branch {
        Branch {
            state,
            flags: 0,
            last: 0,
            to,
            request: ShmStr::EMPTY,
            later: ShmStr::EMPTY,
            repeat: Repeater::OFF,
            fr_at: NEVER,
            ringing: false,
            reply: ShmStr::EMPTY,
            cancel: None,
        }
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: BranchFlag) -> bool {
        self.flags & flag as u8 != 0
    }

    /// Sets a flag.
    pub fn set(&mut self, flag: BranchFlag) {
        self.flags |= flag as u8;
    }

    /// Takes a flag away.
    pub fn clear(&mut self, flag: BranchFlag) {
        self.flags &= !(flag as u8);
    }

    fn next_repeat(&self) -> u32 {
        let cancel = self.cancel.as_ref().map_or(NEVER, |c| c.repeat.at);
        tick::sooner(self.repeat.at, cancel)
    }

    fn next_expiry(&self) -> u32 {
        let cancel = self.cancel.as_ref().map_or(NEVER, |c| c.fr_at);
        tick::sooner(self.fr_at, cancel)
    }
}

ser::shm_struct! {
    /// The server side.
    pub struct Server {
        pub state: ServerState,
        /// Status code of the last reply sent; 0: none.
        pub status: u16,
        /// The branch whose reply that was; -1: none yet, -2: it was made here.
        pub relayed: i16,
        pub to: Dest,
        /// The last reply.
        pub reply: ShmStr,
        /// The To-tag of the last reply that was made here.
        pub to_tag: ShmStr,
        pub repeat: Repeater,
        /// When the wait for an ACK ends.
        pub fr_at: u32,
    }
}

/// [`Server::relayed`]: nothing was sent.
pub const RELAYED_NONE: i16 = -1;
/// [`Server::relayed`]: the reply was made here.
pub const RELAYED_LOCAL: i16 = -2;

ser::shm_struct! {
    /// The routes to be run, by name; empty: none.
    pub struct Routes {
        pub failure: ShmStr,
        pub reply: ShmStr,
        pub branch: ShmStr,
    }
}

ser::shm_struct! {
    /// The two timers, which must not move.
    pub struct Timers {
        /// In the timer process: repeats requests and replies.
        pub repeat: TimerNode,
        /// In the slow timer process: final response timers, waiting, the end.
        pub expire: TimerNode,
    }
}

ser::shm_struct! {
    /// A function of a module that is told of what happens (see `callbacks`).
    #[derive(Clone, Copy, Debug)]
    pub struct Attached {
        /// Bits of the callback types.
        pub types: u16,
        /// Number of the function.
        pub id: u16,
        pub param: u64,
    }
}

ser::shm_struct! {
    /// A transaction.
    pub struct Transaction {
        /// Unique in its bucket among those that live.
        pub uid: u32,
        pub index: u16,
        pub flags: u16,
        /// Number of the method ([`ser::core::sip::Method`]).
        pub method: u16,
        /// Message flags of the request.
        pub msg_flags: u32,
        pub identity: Identity,
        /// The request as received; one of our own as it is sent, without our Via.
        pub request: ShmStr,
        /// What the script had decided on it, see `saved`.
        pub decided: ShmStr,
        /// Its attributes, see `saved`.
        pub avps: ShmStr,
        /// With `syn_branch=no`: what stands in branches instead of the label.
        pub md5: ShmStr,
        pub origin: Origin,
        pub uas: Server,
        pub branches: ShmVec<Branch>,
        pub routes: Routes,
        pub callbacks: ShmVec<Attached>,
        /// Ticks.
        pub fr: u32,
        pub fr_inv: u32,
        /// When it ends.
        pub wait_at: u32,
        /// The process in which its failure route runs; 0: in none. Meanwhile `uas.fr_at` says when that
        /// process is looked after.
        pub deciding: u32,
        pub timers: ShmBox<Timers>,
        pub repeat_at: u32,
        pub expire_at: u32,
    }
}

/// A transaction that was being changed by a process which died is given up: what it was about is repeated by the
/// neighbours, who get it served anew.
impl Mend for Transaction {
    fn mend(&mut self) -> Fate {
        Fate::Drop
    }
}

impl Transaction {
    /// How others name it.
    pub fn id(&self) -> TxId {
        TxId {
            index: self.index,
            uid: self.uid,
        }
    }

    /// Whether a flag is set.
    #[inline]
    pub fn has(&self, flag: Flag) -> bool {
        self.flags & flag as u16 != 0
    }

    /// Sets a flag.
    pub fn set(&mut self, flag: Flag) {
        self.flags |= flag as u16;
    }

    /// Takes a flag away.
    pub fn clear(&mut self, flag: Flag) {
        self.flags &= !(flag as u16);
    }

    /// Whether a branch waits for a final reply, or a script looks at it still.
    pub fn has_pending_branch(&self) -> bool {
        let waits = |b: &Branch| b.state.is_pending() || b.has(BranchFlag::InScript);
        self.branches
            .iter()
            .any(|b| waits(b) && !b.has(BranchFlag::Blind))
    }

    /// The final response timers of its branches tell what becomes of it.
    pub fn branches_decide(&mut self) {
        self.set(Flag::Handled);
        if !self.uas.state.is_final() && self.deciding == 0 {
            self.uas.fr_at = NEVER;
        }
    }

    /// Nothing is repeated or waited for any more; it lingers for `ticks` and ends.
    pub fn put_on_wait(&mut self, now: u32, ticks: u32) {
        if self.wait_at == NEVER {
            self.wait_at = tick::after(now, ticks);
        }
        self.uas.repeat = Repeater::OFF;
        self.uas.fr_at = NEVER;
    }

    /// Stops every timer of requests.
    pub fn stop_branches(&mut self) {
        for branch in self.branches.iter_mut() {
            branch.repeat = Repeater::OFF;
            branch.fr_at = NEVER;
        }
    }

    /// When something is to be repeated.
    pub fn next_repeat(&self) -> u32 {
        let branches = self.branches.iter().map(Branch::next_repeat);
        branches.fold(self.uas.repeat.at, tick::sooner)
    }

    /// When something expires.
    pub fn next_expiry(&self) -> u32 {
        let branches = self.branches.iter().map(Branch::next_expiry);
        branches.fold(tick::sooner(self.uas.fr_at, self.wait_at), tick::sooner)
    }

    /// Sets the timers no later than needed; called after every change of a deadline.
    pub fn set_timers(&mut self, now: u32) {
        let repeat = self.next_repeat();
        if repeat != NEVER && tick::sooner(repeat, self.repeat_at) != self.repeat_at {
            self.repeat_at = repeat;
            timer_set(&self.timers.repeat, tick::left(now, repeat));
        }
        let expire = self.next_expiry();
        if expire != NEVER && tick::sooner(expire, self.expire_at) != self.expire_at {
            self.expire_at = expire;
            timer_set(&self.timers.expire, tick::left(now, expire));
        }
    }
}
