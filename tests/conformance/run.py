#!/usr/bin/env python3
"""Differential SIP oracle: start a SIP server, play scripted raw SIP
datagrams/streams against it (also acting as next hops), record what it sends,
mask what may legitimately vary, and compare with recorded expectations.

Only the Python standard library is used.  All traffic stays on 127.0.0.1.

  record : run.py --server-cmd '/x/ser -D -D -E -f {cfg}' --expect expected.json --record
  compare: run.py --server-cmd '/y/newser -f {cfg}'       --expect expected.json

See README.md for the case language, normalisation rules and verdicts.
"""
import argparse, base64, difflib, hashlib, json, os, re, select, shlex, shutil
import signal, socket, struct, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
IP = "127.0.0.1"
ACTORS = "abcdef"
# listens on every address, or resolves a name while starting
NO_START = ("no-listen.cfg", "body-forward-host.cfg", "body-forward-string.cfg")

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact",
           "l": "content-length", "c": "content-type", "s": "subject",
           "k": "supported", "e": "content-encoding", "r": "refer-to",
           "b": "referred-by", "o": "event", "u": "allow-events",
           "d": "request-disposition", "a": "accept-contact",
           "j": "reject-contact", "x": "session-expires", "y": "identity"}
PRETTY = {"via": "Via", "from": "From", "to": "To", "call-id": "Call-ID",
          "cseq": "CSeq", "contact": "Contact"}


# --------------------------------------------------------------------------
# case file parser
# --------------------------------------------------------------------------
class Case:
    def __init__(self, name):
        self.name, self.doc, self.flags, self.steps = name, "", set(), []


def parse_cases(path):
    """case: NAME / doc: / flags: / steps.  Blocks end with a lone '.'"""
    cases, cur = [], None
    with open(path, encoding="latin-1") as f:
        lines = f.read().split("\n")
    i = 0

    def block(i):
        out = []
        while i < len(lines) and lines[i] != ".":
            out.append(lines[i])
            i += 1
        return out, i + 1
    while i < len(lines):
        ln = lines[i].rstrip()
        i += 1
        if not ln or ln.startswith("#"):
            continue
        if ln.startswith("case:"):
            cur = Case(ln[5:].strip())
            cases.append(cur)
        elif ln.startswith("doc:"):
            cur.doc = (cur.doc + " " + ln[4:].strip()).strip()
        elif ln.startswith("flags:"):
            cur.flags |= set(ln[6:].split())
        elif ln.startswith("> "):
            body = None
            if " file=" not in ln:
                body, i = block(i)
            cur.steps.append(("send", ln[2:].split(), body))
        elif ln.startswith("< "):
            cur.steps.append(("recv", ln[2:].split(), None))
        elif ln.startswith("reply "):
            w = ln.split(" ")
            body = None
            if w[-1] == "+":
                w = w[:-1]
                body, i = block(i)
            cur.steps.append(("reply", w[1:], body))
        elif ln.split()[0] in ("drain", "close", "rpc", "open", "fifo", "sleep"):
            cur.steps.append((ln.split()[0], ln.split(None, 1)[1:], None))
        else:
            raise SystemExit("%s:%d: bad step %r" % (path, i, ln))
    return cases


# --------------------------------------------------------------------------
# message helpers
# --------------------------------------------------------------------------
def split_msg(raw):
    """bytes -> (first line, [(name, value)], body) as latin-1 strings, unfolding"""
    txt = raw.decode("latin-1")
    head, sep, body = txt.partition("\r\n\r\n")
    if not sep:
        head, sep, body = txt.partition("\n\n")
    lines = head.replace("\r\n", "\n").split("\n")
    hdrs = []
    for ln in lines[1:]:
        if ln[:1] in " \t" and hdrs:
            hdrs[-1][1] += " " + ln.strip()
            continue
        n, c, v = ln.partition(":")
        hdrs.append([n.strip(), v.strip()])
    return lines[0], [tuple(h) for h in hdrs], body


def canon(n):
    n = n.lower()
    return COMPACT.get(n, n)


def hget(hdrs, name):
    name = name.lower()
    return [v for n, v in hdrs if canon(n) == name]


class Msg:
    def __init__(self, actor, raw, t, via):
        self.actor, self.raw, self.t, self.via = actor, raw, t, via
        self.first, self.hdrs, self.body = split_msg(raw)
        self.is_req = not self.first.startswith("SIP/2.0 ")
        self.src = None

    def key(self):
        p = self.first.split(" ")
        return p[0] if self.is_req else (p[1] if len(p) > 1 else "")

    def callid(self):
        v = hget(self.hdrs, "call-id")
        return v[0] if v else None


# --------------------------------------------------------------------------
# actors: one UDP socket, one TCP listener, any number of TCP connections
# --------------------------------------------------------------------------
class Actor:
    def __init__(self, name, port):
        self.name, self.port = name, port
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.udp.bind((IP, port))
        self.lst = socket.socket()
        self.lst.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.lst.bind((IP, port))
        self.lst.listen(16)
        self.conns = {}          # id -> [sock, buf]
        self.eph = {}            # ephemeral port -> label
        self.nacc = 0

    def close_conns(self):
        for s, b in self.conns.values():
            s.close()
        self.conns.clear()
        self.eph.clear()
        self.nacc = 0

    def socks(self):
        return [self.udp, self.lst] + [c[0] for c in self.conns.values()]


class Bench:
    def __init__(self, base):
        self.base = base
        self.srv = base
        self.actors = {n: Actor(n, base + 11 + i) for i, n in enumerate(ACTORS)}
        self.rtpp = RtppStub(base + 7)
        self.inbox = []

    def poll(self, timeout):
        """collect whatever arrives within timeout; returns list of new Msg"""
        smap = {}
        for a in self.actors.values():
            for s in a.socks():
                smap[s] = a
        try:
            r, _, _ = select.select(list(smap), [], [], max(0, timeout))
        except OSError:
            return []
        new = []
        for s in r:
            a = smap[s]
            if s is a.udp:
                try:
                    d, src = s.recvfrom(65535)
                except OSError:
                    continue
                m = Msg(a.name, d, time.time(), "udp")
                m.src = src
                new.append(m)
            elif s is a.lst:
                c, src = s.accept()
                a.nacc += 1
                cid = "in%d" % a.nacc
                a.conns[cid] = [c, b""]
            else:
                cid = [k for k, v in a.conns.items() if v[0] is s][0]
                try:
                    d = s.recv(65535)
                except OSError:
                    d = b""
                if not d:
                    s.close()
                    del a.conns[cid]
                    m = Msg(a.name, b"<CLOSED>", time.time(), "tcp:" + cid)
                    new.append(m)
                    continue
                a.conns[cid][1] += d
                new += self.cut(a, cid)
        return new

    def cut(self, a, cid):
        out = []
        while True:
            buf = a.conns[cid][1]
            if buf and not buf.strip(b"\r\n"):
                m = Msg(a.name, b"<CRLF>" + str(len(buf)).encode(), time.time(), "tcp:" + cid)
                a.conns[cid][1] = b""
                out.append(m)
                return out
            h, sep, rest = buf.partition(b"\r\n\r\n")
            if not sep:
                return out
            m = re.search(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", h)
            n = int(m.group(1)) if m else 0
            if len(rest) < n:
                return out
            a.conns[cid][1] = rest[n:]
            out.append(Msg(a.name, h + sep + rest[:n], time.time(), "tcp:" + cid))


class RtppStub(threading.Thread):
    """answers rtpproxy commands (UDP, text protocol with a cookie) with fixed ports and notes them"""
    def __init__(self, port):
        super().__init__(daemon=True)
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind((IP, port))
        self.lock, self.cmds, self.next = threading.Lock(), [], 35000
        self.start()

    def run(self):
        while True:
            try:
                d, src = self.s.recvfrom(4096)
            except OSError:
                return
            cookie, _, c = d.decode("latin-1").strip().partition(" ")
            if c.startswith("VF"):
                r = "1"
            elif c.startswith("V"):
                r = "20040107"
            elif c[:1] in "UL":
                with self.lock:
                    self.next += 2
                    r = str(self.next)
            else:
                r = "0"
            if not c.startswith("V"):
                with self.lock:
                    self.cmds.append(c)
            self.s.sendto(("%s %s\n" % (cookie, r)).encode(), src)

    def take(self):
        with self.lock:
            out, self.cmds, self.next = self.cmds, [], 35000
        return out


# --------------------------------------------------------------------------
# server under test
# --------------------------------------------------------------------------
def udp_bound(port):
    want = ":%04X" % port
    for fn in ("/proc/net/udp", "/proc/net/udp6", "/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(fn) as f:
                for ln in f.readlines()[1:]:
                    w = ln.split()
                    if w[1].endswith(want) and (fn.startswith("/proc/net/udp") or w[3] == "0A"):
                        return True
        except OSError:
            pass
    return False


class Server:
    def __init__(self, cmd, cfg, workdir, port, verbose=False):
        self.cmd = [x.replace("{cfg}", cfg).replace("{dir}", workdir) for x in shlex.split(cmd)]
        self.port, self.verbose, self.workdir = port, verbose, workdir
        self.p, self.lines, self.lock = None, [], threading.Lock()

    def start(self, limit=10, settle=0.35):
        if udp_bound(self.port):
            raise SystemExit("port %d is already bound; is another server running?" % self.port)
        self.p = subprocess.Popen(self.cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, start_new_session=True,
                                  cwd=self.workdir)
        self.th = threading.Thread(target=self._read, daemon=True)
        self.th.start()
        t0 = time.time()
        while time.time() - t0 < limit:
            if self.p.poll() is not None:
                return False
            if udp_bound(self.port):
                time.sleep(settle)
                return self.p.poll() is None
            time.sleep(0.03)
        return False

    def _read(self):
        for ln in self.p.stdout:
            s = ln.decode("latin-1").rstrip("\n")
            s = re.sub(r"\x1b\[[0-9;]*m", "", s)
            with self.lock:
                self.lines.append(s)
            if self.verbose:
                sys.stderr.write("   | " + s + "\n")

    def take(self):
        with self.lock:
            out, self.lines = self.lines, []
        return out

    def alive(self):
        return self.p is not None and self.p.poll() is None

    def stop(self):
        if not self.p:
            return
        for sig, t in ((signal.SIGTERM, 4), (signal.SIGKILL, 2)):
            try:
                os.killpg(self.p.pid, sig)   # a process group this runner started
            except (ProcessLookupError, PermissionError):
                pass
            try:
                self.p.wait(t)
            except subprocess.TimeoutExpired:
                continue
            t1 = time.time()
            while udp_bound(self.port) and time.time() - t1 < t:
                time.sleep(0.05)
            if not udp_bound(self.port):
                break
        self.p = None


# --------------------------------------------------------------------------
# binrpc client (SER ctl module)
# --------------------------------------------------------------------------
def binrpc_call(port, words, timeout=1.5):
    def rec(v):
        if re.fullmatch(r"-?\d+\.\d+", v):
            b = struct.pack(">i", int(round(float(v) * 1000)))
            if b[0] == 0:
                b = b.lstrip(b"\0")
            return bytes([(len(b) << 4) | 2]) + b
        if re.fullmatch(r"-?\d+", v):
            n = int(v)
            b = struct.pack(">i", n)
            if n >= 0:
                b = b.lstrip(b"\0")
            return bytes([(len(b) << 4) | 0]) + b
        s = v.encode("latin-1") + b"\0"
        if len(s) < 8:
            return bytes([(len(s) << 4) | 1]) + s
        ln = struct.pack(">H", len(s))
        return bytes([0x80 | (2 << 4) | 1]) + ln + s
    pay = b"".join(rec(w[2:] if w.startswith("s:") else w) if not w.startswith("s:") else
                   (lambda s: (bytes([(len(s) << 4) | 1]) + s) if len(s) < 8 else
                    bytes([0xA1]) + struct.pack(">H", len(s)) + s)(w[2:].encode() + b"\0")
                   for w in words)
    cookie = os.urandom(4)
    pkt = bytes([0xA1, (0 << 4) | (1 << 2) | 3]) + struct.pack(">H", len(pay)) + cookie + pay
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(timeout)
    try:
        s.sendto(pkt, (IP, port))
        d = s.recv(65535)
    except OSError as e:
        return {"error": "no reply"}
    finally:
        s.close()
    fl, b1 = d[1] >> 4, d[1]
    ll, cl = ((b1 >> 2) & 3) + 1, (b1 & 3) + 1
    p = 2 + ll + cl
    vals, stack = [], []
    cur = vals
    name = None

    def put(v):
        nonlocal name
        if isinstance(cur, dict):
            cur.setdefault(name, v) if name not in cur else cur.update({name: v})
            name = None
        else:
            cur.append(v)
    while p < len(d):
        t, sz, ext = d[p] & 15, (d[p] >> 4) & 7, d[p] & 0x80
        p += 1
        if t in (3, 4) and not ext:
            new = {} if t == 3 else []
            put(new)
            stack.append(cur)
            cur = new
            continue
        if t in (3, 4) and ext and sz == 0:
            cur = stack.pop() if stack else vals
            continue
        n = sz
        if ext:
            n = int.from_bytes(d[p:p + sz], "big")
            p += sz
        v = d[p:p + n]
        p += n
        if t == 0:
            put(int.from_bytes(v, "big", signed=len(v) == 4))
        elif t == 2:
            put(int.from_bytes(v, "big", signed=len(v) == 4) / 1000.0)
        elif t == 5:
            name = v.rstrip(b"\0").decode("latin-1")
        else:
            put(v.rstrip(b"\0").decode("latin-1"))
    return {"kind": {0: "req", 1: "reply", 3: "fault"}.get(fl, fl), "values": vals}


# --------------------------------------------------------------------------
# running one case
# --------------------------------------------------------------------------
class Run:
    def __init__(self, bench, srv, case, settle):
        self.b, self.srv, self.c, self.settle = bench, srv, case, settle
        self.events = {}        # actor -> [Msg]
        self.queue = {}         # actor -> unread Msg
        self.last = {}          # actor -> last Msg
        self.lastreq = {}       # (actor, method) -> Msg
        self.vars = {"srv": "%s:%d" % (IP, bench.srv), "srvport": str(bench.srv),
                     "srv2": "%s:%d" % (IP, bench.srv + 1), "srv2port": str(bench.srv + 1),
                     "ip": IP, "cid": case.name + "@diff.invalid"}
        for n, a in bench.actors.items():
            self.vars[n] = "%s:%d" % (IP, a.port)
            self.vars[n + "port"] = str(a.port)
        self.branches, self.tags, self.filecids = set(), set(), set()
        self.sent = []
        self.notes = []
        self.rpcs = []
        self.t0 = time.time()

    # -- variable substitution -------------------------------------------
    def sub(self, s):
        def rep(m):
            k = m.group(1)
            if k in self.vars:
                return self.vars[k]
            if k.startswith("x"):
                mm = re.fullmatch(r"x(.+)\*(\d+)", k)
                if mm:
                    return mm.group(1) * int(mm.group(2))
            if k.startswith("auth:"):
                return self.auth(*k.split(":")[1:])
            if ":" in k:
                return self.msgvar(*k.split(":", 1))
            raise SystemExit("case %s: unknown variable ${%s}" % (self.c.name, k))
        return re.sub(r"\$\{([^{}]+)\}", rep, s)

    def msgvar(self, actor, what):
        m = self.last.get(actor)
        if "/" in actor:
            a, meth = actor.split("/")
            m = self.lastreq.get((a, meth))
        if m is None:
            return "MISSING"
        w = what.lower()
        if w == "ruri":
            return m.first.split(" ")[1]
        if w == "totag" or w == "fromtag":
            v = hget(m.hdrs, "to" if w == "totag" else "from")
            mm = re.search(r";\s*tag\s*=\s*([^;\s]+)", v[0]) if v else None
            return mm.group(1) if mm else "MISSING"
        if w == "contacturi":
            v = hget(m.hdrs, "contact")
            mm = re.search(r"<([^>]+)>", v[0]) if v else None
            return mm.group(1) if mm else (v[0] if v else "MISSING")
        if w in ("routes", "routesrev"):
            l = []
            for v in hget(m.hdrs, "record-route"):
                l += [x.strip() for x in v.split(",")]
            if w == "routesrev":
                l.reverse()
            return ", ".join(l) if l else "MISSING"
        if w == "route1uri":
            v = hget(m.hdrs, "record-route")
            mm = re.search(r"<([^>]+)>", v[0]) if v else None
            return mm.group(1) if mm else "MISSING"
        if w == "etag":
            w = "sip-etag"
        v = hget(m.hdrs, w)
        return v[0] if v else "MISSING"

    def auth(self, actor, user, pw, method, uri, extra=""):
        m = self.last.get(actor)
        if m is None:
            return "MISSING"
        ch = hget(m.hdrs, "www-authenticate") or hget(m.hdrs, "proxy-authenticate")
        if not ch:
            return "MISSING"
        ch = ch[0]
        p = dict((k.lower(), v.strip('"')) for k, v in
                 re.findall(r'(\w+)\s*=\s*("[^"]*"|[^,\s]+)', ch))
        uri = uri.replace("@@", ":")
        realm, nonce = p.get("realm", ""), p.get("nonce", "")
        h = lambda s: hashlib.md5(s.encode("latin-1")).hexdigest()
        ha1, ha2 = h("%s:%s:%s" % (user, realm, pw)), h("%s:%s" % (method, uri))
        out = 'Digest username="%s", realm="%s", nonce="%s", uri="%s"' % (user, realm, nonce, uri)
        if "qop" in p:
            cn, nc = "0a4f113b", "00000001"
            r = h("%s:%s:%s:%s:auth:%s" % (ha1, nonce, nc, cn, ha2))
            out += ', qop=auth, nc=%s, cnonce="%s"' % (nc, cn)
        else:
            r = h("%s:%s:%s" % (ha1, nonce, ha2))
        out += ', response="%s"' % r
        if "opaque" in p:
            out += ', opaque="%s"' % p["opaque"]
        if p.get("algorithm"):
            out += ', algorithm=%s' % p["algorithm"]
        return out

    # -- message construction --------------------------------------------
    def build(self, actor, lines, raw=False, tcp=False):
        txt = "\n".join(lines)
        if raw:
            s = self.sub(txt).encode("latin-1").decode("unicode_escape").encode("latin-1")
            return s
        txt = self.sub(txt)
        head, _, body = txt.partition("\n\n")
        hl = head.split("\n")
        method = hl[0].split(" ")[0]
        out = []
        nocl = False
        for ln in hl:
            if ln.startswith("@std "):
                out += self.std(actor, method, ln.split()[1:], tcp)
            elif ln == "@nocl":
                nocl = True
            else:
                out.append(ln)
        body = body.replace("\n", "\r\n")
        if not nocl and not any(canon(l.split(":")[0].strip()) == "content-length" for l in out[1:]):
            out.append("Content-Length: %d" % len(body))
        return ("\r\n".join(out) + "\r\n\r\n" + body).encode("latin-1")

    def std(self, actor, method, w, tcp):
        """@std FROMUSER TOUSER CSEQ [br=..] [totag=..] [ftag=..] [mf=..] [cm=..] [cid=..] [via=..] [rport]"""
        fr, to, cseq = w[0], w[1], w[2]
        o = dict((x.split("=", 1) + [""])[:2] for x in w[3:])
        m = o.get("cm", method)
        base = "INVITE" if m in ("ACK", "CANCEL") else m
        br = o.get("br", "%s-%s-%s" % (self.c.name, cseq, base))
        out = []
        if "novia" not in o:
            out.append("Via: SIP/2.0/%s %s;branch=z9hG4bK%s%s" %
                       ("TCP" if tcp else "UDP", o.get("via", self.vars[actor]), br,
                        ";rport" if "rport" in o else ""))
        out.append("From: <sip:%s@%s>;tag=%s" % (fr, o.get("dom", self.vars["srv"]), o.get("ftag", "f" + fr)))
        out.append("To: <sip:%s@%s>%s" % (to, o.get("dom", self.vars["srv"]),
                                          ";tag=" + o["totag"] if o.get("totag") else ""))
        out.append("Call-ID: %s" % o.get("cid", self.vars["cid"]))
        out.append("CSeq: %s %s" % (cseq, m))
        if o.get("mf", "70") != "none":
            out.append("Max-Forwards: %s" % o.get("mf", "70"))
        return out

    def build_reply(self, m, code, reason, opts, extra):
        out = ["SIP/2.0 %s %s" % (code, reason)]
        tag = opts.get("tag", "t" + m.actor)
        for n, v in m.hdrs:
            c = canon(n)
            if c in ("via", "from", "call-id", "cseq", "timestamp") or c == "record-route" and code not in ("100",) and "norr" not in opts:
                out.append("%s: %s" % (n, v))
            elif c == "to":
                if "tag=" not in v and code != "100" and tag:
                    v += ";tag=" + tag
                out.append("%s: %s" % (n, v))
        body = ""
        if extra is not None:
            ex = self.sub("\n".join(extra))
            h, _, body = ex.partition("\n\n")
            out += [x for x in h.split("\n") if x]
            body = body.replace("\n", "\r\n")
        if not any(canon(l.split(":")[0].strip()) == "content-length" for l in out[1:]):
            out.append("Content-Length: %d" % len(body))
        return ("\r\n".join(out) + "\r\n\r\n" + body).encode("latin-1")

    # -- io ---------------------------------------------------------------
    def note_sent(self, raw):
        # values first seen in something the server sent are the server's own
        s = raw.decode("latin-1")
        got = "\n".join(m.raw.decode("latin-1") for l in self.events.values() for m in l)
        for have, rx in ((self.branches, r"branch\s*=\s*([^;,\s>]+)"), (self.tags, r"tag\s*=\s*([^;,\s>]+)")):
            theirs = set(re.findall(rx, got))
            have |= set(re.findall(rx, s)) - (theirs - have)

    def mine(self, m):
        if "anycid" in self.c.flags or m.raw.startswith(b"<"):
            return True
        c = m.callid()
        if self.filecids and c is not None:
            return c.strip() in self.filecids
        return c is None or c.startswith(self.c.name + "@") or c.startswith(self.c.name + ".") \
            or not c.endswith("diff.invalid") and "keepforeign" in self.c.flags

    def pump(self, timeout):
        for m in self.b.poll(timeout):
            if not self.mine(m):
                continue
            self.events.setdefault(m.actor, []).append(m)
            self.queue.setdefault(m.actor, []).append(m)

    def take(self, actor, want=None):
        q = self.queue.get(actor, [])
        while q:
            m = q.pop(0)
            self.last[actor] = m
            if m.is_req:
                self.lastreq[(actor, m.key())] = m
                self.lastreq[(actor, "*")] = m
            if want is None or m.key() == want or (want.endswith("xx") and m.key()[:1] == want[:1]):
                return m
        return None

    def run(self):
        for kind, args, blk in self.c.steps:
            getattr(self, "do_" + kind)(args, blk)
        t = time.time() + self.settle
        while time.time() < t:
            self.pump(t - time.time())
        for a in list(self.queue):
            while self.take(a):
                pass

    def opts(self, args):
        return dict((x.split("=", 1) + [""])[:2] for x in args)

    def do_send(self, args, blk):
        actor, o = args[0], self.opts(args[1:])
        a = self.b.actors[actor]
        tcp = o.get("tcp")
        if "file" in o:
            fn = os.path.join(self.srv.workdir, o["file"])
            for root in (os.path.join(HERE, "data"), os.environ.get("CONFORMANCE_DATA", "")):
                if not os.path.exists(fn):
                    fn = os.path.join(root, o["file"])
            with open(fn, "rb") as f:
                raw = f.read()
            if "crlf" in o:
                raw = re.sub(rb"\r?\n", b"\r\n", raw)
            self.filecids |= set(x.strip().decode("latin-1") for x in
                                 re.findall(rb"(?im)^(?:call-id|i)[ \t]*:[ \t\r\n]*([^\r\n]+)", raw))
        else:
            raw = self.build(actor, blk, raw="raw" in o, tcp=tcp is not None)
        port = self.b.srv + (1 if "srv2" in o else 0)
        self.note_sent(raw)
        if "chop" in o:
            raw = raw[:-int(o["chop"])]
        for _ in range(int(o.get("times", 1))):
            self.sent.append("%s %s\n%s" % (actor, "tcp:" + tcp if tcp is not None else "udp",
                                            raw.decode("latin-1")))
            if tcp is None:
                a.udp.sendto(raw, (IP, port))
            else:
                cid = tcp or "c1"
                if cid not in a.conns:
                    s = socket.create_connection((IP, port), 2)
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    a.conns[cid] = [s, b""]
                    a.eph[s.getsockname()[1]] = "%s.%s" % (actor, cid)
                s = a.conns[cid][0]
                try:
                    if "frag" in o:
                        n = int(o["frag"])
                        for k in range(0, len(raw), n):
                            s.sendall(raw[k:k + n])
                            time.sleep(0.02)
                    else:
                        s.sendall(raw)
                except OSError as e:
                    self.notes.append("send failed on tcp")

    def do_recv(self, args, blk):
        actor, want = args[0], None
        o = self.opts(args[1:])
        for w in args[1:]:
            if "=" not in w:
                want = w
        end = time.time() + float(o.get("timeout", 1500)) / 1000
        while True:
            m = self.take(actor, want)
            if m:
                return m
            left = end - time.time()
            if left <= 0:
                self.notes.append("timeout waiting %s %s" % (actor, want or "any"))
                return None
            self.pump(min(left, 0.25))

    def do_reply(self, args, blk):
        actor, code = args[0], args[1]
        words = [w for w in args[2:] if not re.match(r"(for|tag|to|norr)(=|$)", w)]
        o = self.opts([w for w in args[2:] if re.match(r"(for|tag|to|norr)(=|$)", w)])
        m = self.lastreq.get((actor, o.get("for", "*")))
        if m is None:
            self.notes.append("no request to answer at %s" % actor)
            return
        raw = self.build_reply(m, code, " ".join(words) or "OK", o, blk)
        self.note_sent(raw)
        self.sent.append("%s %s\n%s" % (actor, m.via, raw.decode("latin-1")))
        if m.via == "udp":
            self.b.actors[actor].udp.sendto(raw, m.src)
        else:
            c = self.b.actors[actor].conns.get(m.via[4:])
            if c:
                c[0].sendall(raw)

    def do_drain(self, args, blk):
        end = time.time() + float(args[0]) / 1000
        while time.time() < end:
            self.pump(end - time.time())
        for a in list(self.queue):
            while self.take(a):
                pass

    do_sleep = do_drain

    def do_close(self, args, blk):
        actor, cid = args[0].split()
        c = self.b.actors[actor].conns.pop(cid, None)
        if c:
            c[0].close()

    def do_rpc(self, args, blk):
        words = shlex.split(self.sub(args[0]))
        self.rpcs.append({"cmd": args[0], "reply": binrpc_call(self.b.srv + 5, words)})


# --------------------------------------------------------------------------
# normalisation
# --------------------------------------------------------------------------
class Norm:
    def __init__(self, run):
        self.r = run
        self.tagno, self.brno, self.cidno = {}, {}, {}
        self.ports = {}
        b = run.b
        self.ports[b.srv] = "srv"
        self.ports[b.srv + 1] = "srv2"
        self.ports[b.srv + 5] = "ctl"
        self.ports[b.srv + 7] = "rtpp"
        for n, a in b.actors.items():
            self.ports[a.port] = n
            for p, l in a.eph.items():
                self.ports[p] = l
        self.prx = re.compile(r"(?<![\d.])(%s)(?!\d)" % "|".join(str(p) for p in self.ports))

    def num(self, d, k, what):
        if k not in d:
            d[k] = "<%s%d>" % (what, len(d) + 1)
        return d[k]

    def text(self, s):
        return self.prx.sub(lambda m: "{%s}" % self.ports[int(m.group(1))], s)

    def header(self, n, v, is_req):
        c = canon(n)
        if c == "via" or "branch=" in v:
            def br(m):
                x = m.group(2)
                if x in self.r.branches or x == "0":
                    return m.group(0)
                return m.group(1) + self.num(self.brno, x, "BRANCH")
            v = re.sub(r"(branch\s*=\s*)([^;,\s>]+)", br, v)
            v = re.sub(r"(;i=)[0-9a-f]+", r"\1<TCPID>", v)
        if c in ("to", "from", "record-route", "route"):
            def tg(m):
                x = m.group(2)
                if x in self.r.tags:
                    return m.group(0)
                return m.group(1) + self.num(self.tagno, x, "TAG")
            v = re.sub(r"(tag\s*=\s*)([^;,\s>]+)", tg, v)
        if c in ("www-authenticate", "proxy-authenticate", "authorization", "proxy-authorization"):
            v = re.sub(r'(\bnonce=")[^"]*(")', r"\1<NONCE>\2", v)
            if not is_req:
                v = re.sub(r'(opaque=")[^"]*(")', r"\1<OPAQUE>\2", v)
            if '"<NONCE>"' in v and is_req:
                v = re.sub(r'(response=")[^"]*(")', r"\1<RESPONSE>\2", v)
        if c == "server":
            v = "<SERVER>" if "difftest" not in v else v
        if c == "user-agent" and "difftest" not in v:
            v = "<UA>"
        if c == "date":
            v = "<DATE>"
        if c == "warning":
            v = re.sub(r"pid=\d+", "pid=<PID>", v)
        if c == "call-id" and not v.endswith("@diff.invalid") and v.strip() not in self.r.filecids:
            v = self.num(self.cidno, v, "CALLID")
        if c in ("contact", "expires") and not is_req:
            def ex(m):
                k = int(m.group(2))
                up = -(-k // 10) * 10
                return m.group(1) + ("<N>" if "maskexpires" in self.r.c.flags else str(up if up - k <= 2 else k))
            v = re.sub(r"(expires=|^)(\d+)\b", ex, v)
        if c == "sip-etag":
            v = "<ETAG>"
        return v

    def msg(self, m):
        if m.raw.startswith(b"<"):
            return [m.raw.decode()]
        txt = m.raw.decode("latin-1")
        head, sep, body = txt.partition("\r\n\r\n")
        if sep:
            head += "\r"
        lines = []
        for ln in head.split("\n"):
            # a header line that ended in a bare LF is marked
            lines.append((ln[:-1], "") if ln.endswith("\r") else (ln, "<LF>"))
        out = [self.text(lines[0][0] + lines[0][1])]
        name = ""
        for ln, lf in lines[1:]:
            n, c, v = ln.partition(":")
            if ln[:1] in " \t" or not c:
                w = ln.lstrip(" \t")
                out.append(self.text(ln[:len(ln) - len(w)] + self.header(name, w, m.is_req) + lf))
                continue
            name = n
            sp = len(v) - len(v.lstrip(" "))
            out.append(self.text(n + ":" + " " * sp + self.header(n, v.strip(), m.is_req) + lf))
        if not sep:
            out.append("<NO END OF HEADERS>")
        out.append("")
        if len(body) > 1500:
            out.append("<BODY of %d bytes, sha1 %s>" % (len(body), hashlib.sha1(body.encode("latin-1")).hexdigest()))
        elif body:
            out += self.text(body).split("\r\n")
        return out

    def log(self, s):
        s = re.sub(r"\s+\d+\(\d+\)\s*$", "", s)
        s = re.sub(r"pid=\d+", "pid=<PID>", s)
        s = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<TIME>", s)

        def br(m):
            return m.group(0) if m.group(2) in self.r.branches or m.group(2) == "0" else m.group(1) + "<BRANCH>"
        s = re.sub(r"(branch=)([^;,\s>\]]+)", br, s)

        def tg(m):
            return m.group(0) if m.group(2) in self.r.tags else m.group(1) + "<TAG>"
        s = re.sub(r"(tag=)([^;,\s>\]]+)", tg, s)
        return self.text(s)


def rpc_mask(v, n):
    if isinstance(v, dict):
        v = {k: (-(-x // 10) * 10 if k == "expires" and isinstance(x, int) and -x % 10 <= 2 else x) for k, x in v.items()}
        return {k: ("<VAR>" if k.lower() in ("pid", "pt", "free", "used", "real_used", "max_used", "fragments", "total",
                                             "uptime", "up_since", "now", "cookie", "expires_in") else rpc_mask(x, n))
                for k, x in v.items()}
    if isinstance(v, list):
        return [rpc_mask(x, n) for x in v]
    if isinstance(v, str):
        return n.text(v)
    return v


def result_of(run, alive, loglines):
    n = Norm(run)
    res = {"doc": run.c.doc, "actors": {}, "logs": [], "alive": alive}
    for a in sorted(run.events):
        lst, seen = [], {}
        for m in run.events[a]:
            k = (m.via, m.raw)
            if k in seen and "keepdups" not in run.c.flags and not m.raw.startswith(b"<"):
                continue
            seen[k] = 1
            rec = {"via": m.via, "msg": n.msg(m)}
            if "timing" in run.c.flags:
                rec["ms"] = int((m.t - run.t0) * 1000)
            lst.append(rec)
        if "unordered" in run.c.flags:
            lst.sort(key=lambda r: json.dumps(r["msg"]))
        res["actors"][a] = lst
    res["logs"] = [n.log("XL:" + part) for l in loglines if "XL:" in l for part in l.split("XL:")[1:]]
    if "acclog" in run.c.flags:
        res["logs"] += [n.log("XL: " + l[l.index("ACC: "):]) for l in loglines if "ACC: " in l]
    if run.rpcs:
        res["rpc"] = [{"cmd": r["cmd"], "reply": rpc_mask(r["reply"], n)} for r in run.rpcs]
    cmds = run.b.rtpp.take()
    if cmds:
        res["rtpp"] = [n.log("XL: " + c)[4:] for c in cmds]
    if run.notes:
        res["notes"] = run.notes
    res["sent"] = [n.text(s) for s in run.sent]
    if run.c.flags:
        res["flags"] = sorted(run.c.flags)
    return res


# --------------------------------------------------------------------------
# comparison
# --------------------------------------------------------------------------
def semantic(msg, drop=("server", "user-agent", "warning")):
    """order/whitespace/compact-form independent view of a normalised message"""
    try:
        k = msg.index("")
    except ValueError:
        k = len(msg)
    d = {}
    for ln in msg[1:k]:
        n, c, v = ln.partition(":")
        if canon(n.strip()) in drop:
            continue
        v = re.sub(r"\s+", " ", v.strip())
        v = re.sub(r"\s*([;,=<>])\s*", r"\1", v)
        d.setdefault(canon(n.strip()), []).append(v)
    for h in ("via", "record-route", "route", "contact"):
        if h in d:
            d[h] = [x for v in d[h] for x in re.split(r",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", v)]
    d.setdefault("content-length", ["0"])
    return [msg[0], d, msg[k + 1:]]


def compare(exp, got):
    """-> (verdict, [diff lines]); verdict: exact | semantic | diff"""
    verdict, diff = "exact", []
    for a in sorted(set(exp["actors"]) | set(got["actors"])):
        e, g = exp["actors"].get(a, []), got["actors"].get(a, [])
        et = [["[%s]" % r["via"]] + r["msg"] for r in e]
        gt = [["[%s]" % r["via"]] + r["msg"] for r in g]
        if et != gt:
            es = [[r["via"].split(":")[0], semantic(r["msg"])] for r in e]
            gs = [[r["via"].split(":")[0], semantic(r["msg"])] for r in g]
            v = "semantic" if es == gs else "diff"
            verdict = v if verdict == "exact" or v == "diff" else verdict
            fe = [l for m in et for l in m]
            fg = [l for m in gt for l in m]
            diff += ["--- actor %s (%s)" % (a, v)] + \
                list(difflib.unified_diff(fe, fg, "expected", "got", lineterm="", n=2))[2:]
        if "timing" in exp.get("flags", []) and len(e) == len(g):
            for i, (x, y) in enumerate(zip(e, g)):
                tol = max(150, 0.2 * x["ms"])
                if abs(x["ms"] - y["ms"]) > tol:
                    verdict = "diff"
                    diff.append("actor %s message %d: at %d ms, expected %d ms" % (a, i, y["ms"], x["ms"]))
    for k in ("logs", "rpc", "rtpp"):
        if exp.get(k) != got.get(k):
            verdict = "diff"
            fe = [json.dumps(x, sort_keys=True) if not isinstance(x, str) else x for x in exp.get(k) or []]
            fg = [json.dumps(x, sort_keys=True) if not isinstance(x, str) else x for x in got.get(k) or []]
            diff += ["--- " + k] + list(difflib.unified_diff(fe, fg, "expected", "got", lineterm="", n=1))[2:]
    if exp["alive"] and not got["alive"] or (not exp["alive"] and got["alive"] and "mustdie" in exp.get("flags", [])):
        verdict = "diff"
        diff.append("alive: expected %s got %s" % (exp["alive"], got["alive"]))
    return verdict, diff


# --------------------------------------------------------------------------
# groups
# --------------------------------------------------------------------------
def render(src, dst, rep):
    if src.endswith((".dat", ".sip", ".raw")):
        shutil.copyfile(src, dst)
        return
    if os.path.isdir(src):
        os.makedirs(dst, exist_ok=True)
        for n in os.listdir(src):
            render(os.path.join(src, n), os.path.join(dst, n), rep)
        return
    with open(src, encoding="latin-1") as f:
        s = f.read()
    for k, v in rep.items():
        s = s.replace(k, v)
    s = re.sub(r"@MOD:([\w-]+)@", lambda m: rep["@MODPATH@"].replace("{m}", m.group(1)), s)
    with open(dst, "w", encoding="latin-1") as f:
        f.write(s)
    if os.access(src, os.X_OK):
        os.chmod(dst, 0o755)


def prepare(group, opt, tmp):
    gd = os.path.join(opt.groups, group)
    wd = os.path.join(tmp, group)
    rep = {"@DIR@": wd, "@IP@": IP, "@PORT@": str(opt.port_base), "@PORT2@": str(opt.port_base + 1),
           "@CTL@": str(opt.port_base + 5), "@RTPP@": str(opt.port_base + 7), "@MODPATH@": opt.modpath}
    for i, n in enumerate(ACTORS):
        rep["@%s@" % n] = str(opt.port_base + 11 + i)
    render(gd, wd, rep)
    return wd, os.path.join(wd, "ser.cfg")


def run_group(group, opt, bench, tmp, only):
    wd, cfg = prepare(group, opt, tmp)
    cases = [c for c in parse_cases(os.path.join(opt.groups, group, "cases.txt"))
             if not only or c.name in only or any(x.endswith("*") and c.name.startswith(x[:-1]) for x in only)]
    out = {}
    if not cases:
        return out
    srv = Server(opt.server_cmd, cfg, wd, opt.port_base, opt.verbose > 1)
    try:
        up = False
        for c in cases:
            if "fresh" in c.flags and srv.p:
                srv.stop()
            if not srv.alive():
                if srv.p:
                    srv.stop()
                up = srv.start()
                if not up:
                    tail = srv.take()[-12:]
                    print("!! %s: server did not start; last output:\n   %s" % (group, "\n   ".join(tail)))
                    for c2 in cases:
                        out.setdefault(c2.name, {"doc": c2.doc, "actors": {}, "logs": [], "alive": False,
                                                 "sent": [], "notes": ["server did not start"]})
                    return out
            for a in bench.actors.values():
                a.close_conns()
            while bench.poll(0):
                pass
            srv.take()
            bench.rtpp.take()
            r = Run(bench, srv, c, opt.settle / 1000.0)
            r.run()
            alive = srv.alive()
            out[c.name] = result_of(r, alive, srv.take())
            if opt.verbose:
                print("   ran %s/%s" % (group, c.name))
    finally:
        srv.stop()
    return out


def cfgcheck(opt, tmp):
    """run '<check-cmd>' (… -c -f {cfg}) on every file of cfgcheck/ ; record acceptance"""
    d = os.path.join(opt.groups, "..", "cfgcheck")
    out = {}
    if not os.path.isdir(d) or not opt.check_cmd:
        return out
    wd = os.path.join(tmp, "cfgcheck")
    rep = {"@DIR@": wd, "@IP@": IP, "@PORT@": str(opt.port_base), "@PORT2@": str(opt.port_base + 1),
           "@CTL@": str(opt.port_base + 5), "@RTPP@": str(opt.port_base + 7), "@MODPATH@": opt.modpath}
    for i, n in enumerate(ACTORS):
        rep["@%s@" % n] = str(opt.port_base + 11 + i)
    render(d, wd, rep)
    for fn in sorted(os.listdir(wd)):
        if not fn.endswith(".cfg"):
            continue
        cmd = [x.replace("{cfg}", os.path.join(wd, fn)).replace("{dir}", wd) for x in shlex.split(opt.check_cmd)]
        try:
            p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               timeout=15, cwd=wd, start_new_session=True)
            txt = re.sub(r"\x1b\[[0-9;]*m", "", p.stdout.decode("latin-1"))
            rc = p.returncode
        except subprocess.TimeoutExpired as e:
            txt, rc = "", "timeout"
        errs = re.findall(r"parse error \((\d+),(\d+)-(\d+)\): (.*)", txt)
        out[fn] = {"accepted": rc == 0 or "config file ok" in txt, "rc": rc, "errors": [[int(a), e.strip()] for a, b, c, e in errs]}
        if opt.start_check and fn not in NO_START:
            # -c does not run the fixups: see whether the server really comes up
            srv = Server(opt.server_cmd, os.path.join(wd, fn), wd, opt.port_base)
            try:
                out[fn]["starts"] = srv.start(limit=4, settle=0.25)
            finally:
                srv.stop()
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--server-cmd", required=True, help="command line; {cfg} and {dir} are substituted")
    ap.add_argument("--check-cmd", help="config check command, e.g. '/x/ser -c -f {cfg}'; runs cfgcheck/*.cfg")
    ap.add_argument("--start-check", action="store_true",
                    help="with --check-cmd: also start the server on each config (slow)")
    ap.add_argument("--expect", default=os.path.join(HERE, "expected.json"))
    ap.add_argument("--record", action="store_true", help="write --expect instead of comparing")
    ap.add_argument("--repeat", type=int, default=1, help="with --record: run N times, mark unstable cases")
    ap.add_argument("--groups", default=os.path.join(HERE, "groups"))
    ap.add_argument("--group", action="append", help="only these groups (repeatable, comma list)")
    ap.add_argument("--case", action="append", help="only these cases (prefix*)")
    ap.add_argument("--modpath", default="{m}.so",
                    help="what loadmodule lines become; {m} is the module name")
    ap.add_argument("--port-base", type=int, default=15060)
    ap.add_argument("--settle", type=int, default=220, help="ms to wait for stray messages at the end of a case")
    ap.add_argument("--strict", action="store_true", help="semantic-only matches fail too")
    ap.add_argument("--out", help="write what was got as JSON")
    ap.add_argument("--list", action="store_true")
    ap.add_argument("--keep", action="store_true", help="keep the work directory")
    ap.add_argument("-q", "--quiet", action="store_true", help="no diffs, verdict lines only")
    ap.add_argument("-v", "--verbose", action="count", default=0)
    opt = ap.parse_args()
    groups = sorted(g for g in os.listdir(opt.groups) if os.path.exists(os.path.join(opt.groups, g, "cases.txt")))
    if opt.group:
        want = [x for g in opt.group for x in g.split(",")]
        groups = [g for g in groups if g in want]
    only = [x for g in opt.case or [] for x in g.split(",")]
    if opt.list:
        n = 0
        for g in groups:
            for c in parse_cases(os.path.join(opt.groups, g, "cases.txt")):
                n += 1
                print("%-10s %-28s %s" % (g, c.name, c.doc))
        print(n, "cases")
        return 0
    tmp = tempfile.mkdtemp(prefix="sipdiff-")
    os.chmod(tmp, 0o755)
    bench = Bench(opt.port_base)
    try:
        got = {}
        checks = cfgcheck(opt, tmp) if not opt.group or "cfgcheck" in (opt.group or []) else {}
        for g in groups:
            got[g] = run_group(g, opt, bench, tmp, only)
        if opt.record:
            unstable = []
            for _ in range(opt.repeat - 1):
                for g in groups:
                    again = run_group(g, opt, bench, tmp, only)
                    for c in again:
                        v, d = compare(got[g][c], again[c])
                        if v != "exact":
                            unstable.append("%s/%s" % (g, c))
                            got[g][c]["unstable"] = True
                            if not opt.quiet:
                                print("UNSTABLE %s/%s\n   %s" % (g, c, "\n   ".join(d)))
            old = {}
            if os.path.exists(opt.expect) and (opt.group or only):
                with open(opt.expect) as f:
                    old = json.load(f)
            doc = {"format": 1, "recorded_from": opt.server_cmd, "groups": old.get("groups", {}),
                   "cfgcheck": checks or old.get("cfgcheck", {})}
            for g in groups:
                if only:
                    doc["groups"].setdefault(g, {}).update(got[g])
                else:
                    doc["groups"][g] = got[g]
            with open(opt.expect, "w") as f:
                json.dump(doc, f, indent=1, sort_keys=True)
            n = sum(len(v) for v in got.values())
            print("recorded %d cases in %d groups%s -> %s; unstable: %s" % (
                n, len(got), ", %d cfg checks" % len(checks) if checks else "", opt.expect,
                sorted(set(unstable)) or "none"))
            for g in got:
                for c in got[g]:
                    if got[g][c].get("notes"):
                        print("   note %s/%s: %s" % (g, c, got[g][c]["notes"]))
            return 0
        with open(opt.expect) as f:
            exp = json.load(f)
        if opt.out:
            with open(opt.out, "w") as f:
                json.dump({"groups": got, "cfgcheck": checks}, f, indent=1, sort_keys=True)
        tally = {"exact": 0, "semantic": 0, "diff": 0, "new": 0, "quirk": 0}
        failed = 0
        for g in groups:
            for c in got[g]:
                e = exp["groups"].get(g, {}).get(c)
                if e is None:
                    tally["new"] += 1
                    print("NEW      %s/%s" % (g, c))
                    continue
                v, d = compare(e, got[g][c])
                if v == "diff" and "quirk" in e.get("flags", []) and not opt.strict:
                    tally["quirk"] += 1
                    print("quirk    %s/%s  (differs from an oddity of the oracle, not counted)" % (g, c))
                    continue
                tally[v] += 1
                bad = v == "diff" or (opt.strict and v == "semantic")
                failed += bad
                tagl = {"exact": "ok", "semantic": "ok~", "diff": "FAIL"}[v] if not (bad and v == "semantic") else "FAIL~"
                print("%-8s %s/%s" % (tagl, g, c))
                if d and not opt.quiet and v != "exact":
                    print("         # " + e["doc"])
                    print("\n".join("         " + x for x in d))
        cok = 0
        for fn in sorted(checks):
            e = exp.get("cfgcheck", {}).get(fn)
            if e is None:
                continue
            if e["accepted"] == checks[fn]["accepted"] and (
                    "starts" not in checks[fn] or e.get("starts") in (None, checks[fn]["starts"])):
                cok += 1
            else:
                failed += 1
                show = lambda x: ("accepted" if x["accepted"] else "rejected") + (
                    "" if x.get("starts") is None else ", starts" if x["starts"] else ", does not start")
                print("FAIL     cfgcheck/%s: expected %s; got %s  (oracle said %s)" % (
                    fn, show(e), show(checks[fn]), e["errors"][:2]))
        tot = tally["exact"] + tally["semantic"]
        print("exact %(exact)d, semantic only %(semantic)d, different %(diff)d, differing quirks %(quirk)d, not in expectations %(new)d" % tally
              + (", cfg checks ok %d of %d" % (cok, len(checks)) if checks else ""))
        print("%d passed, %d failed" % (tot + cok - (tally["semantic"] if opt.strict else 0), failed))
        return 1 if failed else 0
    finally:
        if opt.keep:
            print("work directory:", tmp)
        else:
            shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
