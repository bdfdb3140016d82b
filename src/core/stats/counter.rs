//! The names of what is counted.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What is counted; each name says where the event happens.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(usize)]
        pub enum Counter { $($(#[$doc])* $name,)+ }

        impl Counter {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Counter] = &[$(Counter::$name,)+];

            /// Of a sum that nobody counts: the counters that it is the sum of.
            pub fn parts(self) -> Option<&'static [Counter]> {
                let (first, last) = match self {
                    Counter::RcvRequests => (Counter::RcvInvite, Counter::RcvOther),
                    Counter::RcvReplies => (Counter::Rcv1xx, Counter::Rcv6xx),
                    _ => return None,
                };
                Some(&Counter::ALL[first as usize..=last as usize])
            }

            /// The name in dumps and in RPC replies.
            pub fn name(self) -> &'static str {
                match self { $(Counter::$name => $text,)+ }
            }
        }
    };
}

counters! {
    /// Datagrams taken from a socket.
    RcvPackets = "rcv.packets",
    /// Bytes in them.
    RcvBytes = "rcv.bytes",
    /// Requests whose first line and Via could be read.
    RcvRequests = "rcv.requests",
    /// Replies whose first line and Via could be read.
    RcvReplies = "rcv.replies",
    /// Of the requests: INVITE. The order is that of [`COUNTED`](crate::core::sip::COUNTED).
    RcvInvite = "rcv.method.invite",
    /// ACK.
    RcvAck = "rcv.method.ack",
    /// CANCEL.
    RcvCancel = "rcv.method.cancel",
    /// BYE.
    RcvBye = "rcv.method.bye",
    /// REGISTER.
    RcvRegister = "rcv.method.register",
    /// OPTIONS.
    RcvOptions = "rcv.method.options",
    /// INFO.
    RcvInfo = "rcv.method.info",
    /// PRACK.
    RcvPrack = "rcv.method.prack",
    /// SUBSCRIBE.
    RcvSubscribe = "rcv.method.subscribe",
    /// NOTIFY.
    RcvNotify = "rcv.method.notify",
    /// UPDATE.
    RcvUpdate = "rcv.method.update",
    /// MESSAGE.
    RcvMessage = "rcv.method.message",
    /// REFER.
    RcvRefer = "rcv.method.refer",
    /// PUBLISH.
    RcvPublish = "rcv.method.publish",
    /// Any other method.
    RcvOther = "rcv.method.other",
    /// Of the replies: provisional ones.
    Rcv1xx = "rcv.reply.1xx",
    /// 2xx.
    Rcv2xx = "rcv.reply.2xx",
    /// 3xx.
    Rcv3xx = "rcv.reply.3xx",
    /// 4xx.
    Rcv4xx = "rcv.reply.4xx",
    /// 5xx.
    Rcv5xx = "rcv.reply.5xx",
    /// 6xx.
    Rcv6xx = "rcv.reply.6xx",
    /// Datagrams too short to be a message (keep-alives, empty ones).
    DropShort = "drop.short",
    /// Datagrams from port 0, which nothing can be sent to.
    DropPort0 = "drop.port0",
    /// Messages that no parser understands.
    DropParse = "drop.parse",
    /// Messages without a usable Via.
    DropVia = "drop.via",
    /// Messages in quarantine: processes died of them.
    DropQuarantine = "drop.quarantine",
    /// Messages that a module took before the script.
    DropCallback = "drop.callback",
    /// Requests of another protocol or version that no hook accepted.
    DropNonSip = "drop.nonsip",
    /// Replies that do not belong to this server, have nowhere to go, or that the script dropped.
    DropReply = "drop.reply",
    /// Messages whose script ended with an error.
    ScriptErrors = "script.errors",
    /// Messages that caused a panic, which was caught at the message's border.
    Panics = "script.panics",
    /// Other pieces of work that ended in a panic: handlers of timers and of names, RPC methods.
    TaskPanics = "task.panics",
    /// Processes that died and were not told to.
    Deaths = "process.deaths",
    /// Of these: in the middle of a message or another piece of work.
    DeathsAtWork = "process.deaths_at_work",
    /// How often a socket became overloaded.
    Overloads = "overload.begun",
    /// Requests answered with 503 before they were parsed, because the socket was overloaded.
    OverloadRefused = "overload.refused",
    /// Requests that did not even get that answer.
    OverloadDropped = "overload.dropped",
    /// ACKs of such answers.
    OverloadAcks = "overload.acks",
    /// Processes that did not come to an end with a piece of work in time.
    Stuck = "process.stuck",
    /// Requests forwarded without a transaction.
    FwdRequests = "fwd.requests",
    /// Replies forwarded without a transaction.
    FwdReplies = "fwd.replies",
    /// Replies made by the server without a transaction.
    SlReplies = "sl.replies",
    /// Handlers that the timer process ran.
    TimerRuns = "timer.runs",
    /// Ticks whose timers ran with those of a later one, because the timer process was kept from running.
    TimerLateTicks = "timer.late_ticks",
    /// Handlers that the slow timer process ran.
    SlowTimerRuns = "timer.slow_runs",
    /// Requests that were sent, each time: INVITE.
    SndInvite = "snd.method.invite",
    /// ACK.
    SndAck = "snd.method.ack",
    /// CANCEL.
    SndCancel = "snd.method.cancel",
    /// BYE.
    SndBye = "snd.method.bye",
    /// REGISTER.
    SndRegister = "snd.method.register",
    /// OPTIONS.
    SndOptions = "snd.method.options",
    /// INFO.
    SndInfo = "snd.method.info",
    /// PRACK.
    SndPrack = "snd.method.prack",
    /// SUBSCRIBE.
    SndSubscribe = "snd.method.subscribe",
    /// NOTIFY.
    SndNotify = "snd.method.notify",
    /// UPDATE.
    SndUpdate = "snd.method.update",
    /// MESSAGE.
    SndMessage = "snd.method.message",
    /// REFER.
    SndRefer = "snd.method.refer",
    /// PUBLISH.
    SndPublish = "snd.method.publish",
    /// Any other method.
    SndOther = "snd.method.other",
    /// Replies that were sent, each time: provisional ones.
    Snd1xx = "snd.reply.1xx",
    /// 2xx.
    Snd2xx = "snd.reply.2xx",
    /// 3xx.
    Snd3xx = "snd.reply.3xx",
    /// 4xx.
    Snd4xx = "snd.reply.4xx",
    /// 5xx.
    Snd5xx = "snd.reply.5xx",
    /// 6xx.
    Snd6xx = "snd.reply.6xx",
    /// Requests for shared memory that found it at its limit; counted once a second.
    ShmRefused = "shm.refused",
    /// Sends that the kernel refused.
    SendErrors = "send.errors",
    /// Names whose destinations were known, good or bad.
    DnsHits = "dns.cache_hits",
    /// Names that had to be looked up.
    DnsMisses = "dns.cache_misses",
    /// Questions sent to name servers, each time.
    DnsQueries = "dns.queries",
    /// Questions that a name server did not answer in time, or not at all.
    DnsTimeouts = "dns.timeouts",
    /// Destinations that were not tried because they are on the blacklist.
    BlacklistHits = "dst_blacklist.hits",
}
