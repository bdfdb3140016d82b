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
    /// Of the requests: INVITE.
    RcvInvite = "rcv.method.invite",
    /// CANCEL.
    RcvCancel = "rcv.method.cancel",
    /// ACK.
    RcvAck = "rcv.method.ack",
    /// BYE.
    RcvBye = "rcv.method.bye",
    /// INFO.
    RcvInfo = "rcv.method.info",
    /// REGISTER.
    RcvRegister = "rcv.method.register",
    /// SUBSCRIBE.
    RcvSubscribe = "rcv.method.subscribe",
    /// NOTIFY.
    RcvNotify = "rcv.method.notify",
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
    /// Messages that no parser understands.
    DropParse = "drop.parse",
    /// Messages without a usable Via.
    DropVia = "drop.via",
    /// Messages in quarantine: processes died of them.
    DropQuarantine = "drop.quarantine",
    /// Messages that a pre-script callback took.
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
    /// Handlers that the slow timer process ran.
    SlowTimerRuns = "timer.slow_runs",
    /// Sends that the kernel refused.
    SendErrors = "send.errors",
}
