"""Predicted and measured answer times with different numbers of children.

One server with `exec("sleep 0.02")` in its route. A client sends OPTIONS at independent moments (exponential gaps), and
notes how long each answer takes. First with the number of children that is thought to be too small: `serctl children` predicts
the 99th percentile for other numbers and advises one. Then each number is set in the running server and measured.
"""
import argparse
import json
import os
import random
import select
import socket
import subprocess
import tempfile
import time

from servers import free_ports

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
RELEASE = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release")
CONFIG = """listen=udp:127.0.0.1:{port}
children={children}
debug=0
log_stderror=yes
dns=no
rev_dns=no
overload_control=no
loadmodule "{release}/libsl.so"
loadmodule "{release}/libctl.so"
modparam("ctl", "binrpc", "unixs:{folder}/ctl")
route {{
    exec("sleep {sleep}");
    sl_send_reply("200", "OK");
}}
"""
REQUEST = ("OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{n}\r\n"
           "Max-Forwards: 70\r\nFrom: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: {n}\r\n"
           "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


class Server:
    """Runs as long as the block."""

    def __init__(self, children, sleep):
        self.port, = free_ports(1)
        self.folder = tempfile.TemporaryDirectory(prefix="children-")
        self.ctl = os.path.join(self.folder.name, "ctl")
        path = os.path.join(self.folder.name, "ser.cfg")
        with open(path, "w") as config:
            config.write(CONFIG.format(port=self.port, children=children, release=RELEASE, sleep=sleep,
                                       folder=self.folder.name))
        self.process = subprocess.Popen([os.path.join(RELEASE, "ser"), "-f", path, "-D", "-D", "-E"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not os.path.exists(self.ctl):
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("the server does not start")
            time.sleep(0.05)
        time.sleep(0.3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def serctl(self, *words):
        command = [os.path.join(RELEASE, "serctl"), "-s", "unixs:" + self.ctl, *map(str, words)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def answer_times(server, rate, seconds):
    """Sends at independent moments; sorted answer times in ms, and how many were not answered."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sock.connect(("127.0.0.1", server.port))
    port, sent, times, number = sock.getsockname()[1], {}, [], 0
    begin = next_one = time.monotonic()
    while True:
        now = time.monotonic()
        if now - begin >= seconds and (not sent or now - begin >= seconds + 3):
            return sorted(times), len(sent)
        if now - begin < seconds and now >= next_one:
            sent[f"{port}-{number}"] = now
            sock.send(REQUEST.format(port=port, n=f"{port}-{number}").encode())
            number += 1
            next_one += random.expovariate(rate)
        wait = max(0, next_one - time.monotonic()) if now - begin < seconds else 0.05
        if select.select([sock], [], [], wait)[0]:
            reply = sock.recv(4096).decode()
            call = reply.split("Call-ID: ")[1].split("\r\n")[0]
            times.append((time.monotonic() - sent.pop(call)) * 1000)


def p99(times):
    return times[int(len(times) * 0.99)]


def advice(server, rate, seconds):
    """What serctl says while the load is there."""
    watch = subprocess.Popen([os.path.join(RELEASE, "serctl"), "-s", "unixs:" + server.ctl, "children", "--json",
                              "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
    answer_times(server, rate, seconds + 1.5)
    return json.loads(watch.communicate()[0])[0]


def predicted(said, children):
    rows = [row for row in said["expected"] if row["children"] == children]
    return rows[0]["total_p99_ms"] if rows else None


def plot(rows, advised, path):
    """Bars would hide how far off it is: two lines over the number of children."""
    width, height, left, bottom = 640, 360, 70, 50
    top = max(max(row[1], row[2]) for row in rows) * 1.1
    x = {row[0]: left + (i + 0.5) * (width - left - 20) / len(rows) for i, row in enumerate(rows)}

    def y(ms):
        return height - bottom - ms / top * (height - bottom - 40)

    def line(column, colour, dash):
        points = " ".join(f"{x[row[0]]:.0f},{y(row[column]):.1f}" for row in rows)
        dots = "".join(f'<circle cx="{x[row[0]]:.0f}" cy="{y(row[column]):.1f}" r="3.5" fill="{colour}"/>' for row in rows)
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" {dash}/>{dots}'

    step = next(s for s in (5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000) if top / s <= 8)
    grid = "".join(f'<line x1="{left}" x2="{width - 20}" y1="{y(ms):.1f}" y2="{y(ms):.1f}" stroke="#ddd"/>'
                   f'<text x="{left - 8}" y="{y(ms) + 4:.1f}" text-anchor="end">{ms}</text>'
                   for ms in range(0, int(top) + 1, step))
    names = "".join(f'<text x="{x[row[0]]:.0f}" y="{height - bottom + 18}" text-anchor="middle"'
                    f'{" font-weight=" + chr(34) + "bold" + chr(34) if row[0] == advised else ""}>'
                    f'{row[0]}</text>' for row in rows)
    with open(path, "w") as out:
        out.write(f'''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">
<rect width="{width}" height="{height}" fill="white"/>
{grid}
{names}
<text x="{(left + width) / 2:.0f}" y="{height - 10}" text-anchor="middle">children (bold: advised)</text>
<text x="16" y="{height / 2:.0f}" transform="rotate(-90 16 {height / 2:.0f})" text-anchor="middle">p99 of the answer time, ms</text>
{line(1, "#1f6fb4", 'stroke-dasharray="6 4"')}
{line(2, "#d2691e", "")}
<text x="{width - 190}" y="24" fill="#1f6fb4">- - predicted before</text>
<text x="{width - 190}" y="42" fill="#d2691e">&#8212; measured</text>
</svg>
''')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=120, help="requests a second (120)")
    parser.add_argument("--sleep", type=float, default=0.02, help="seconds that each blocks (0.02)")
    parser.add_argument("--present", type=int, default=4, help="children at the beginning (4)")
    parser.add_argument("--seconds", type=float, default=20, help="length of each measurement (20)")
    parser.add_argument("--svg", default=os.path.join(ROOT, "docs", "children.svg"))
    args = parser.parse_args()
    with Server(args.present, args.sleep) as server:
        answer_times(server, args.rate, 2)
        said = advice(server, args.rate, args.seconds)
        advised = said["advised"]
        print(f"load {said['erlang']:.2f} Erlang, service {said['service_ms']:.1f} ms "
              f"({said['cpu_ms']:.1f} ms CPU); advised: {advised} children instead of {args.present}\n")
        print("| children | predicted p99 | measured p99 | off by | median | not answered |")
        print("|---:|---:|---:|---:|---:|---:|")
        rows = []
        for children in [row["children"] for row in said["expected"] if row["total_p99_ms"] < 2000]:
            server.serctl("children", f"127.0.0.1:{server.port}", children)
            times, lost = answer_times(server, args.rate, args.seconds)
            expected, found = predicted(said, children), p99(times)
            rows.append((children, expected, found))
            mark = {args.present: " (before)", advised: " (advised)"}.get(children, "")
            print(f"| {children}{mark} | {expected:.1f} ms | {found:.1f} ms | {found / expected - 1:+.0%} | "
                  f"{times[len(times) // 2]:.1f} ms | {lost} |", flush=True)
        plot(rows, advised, args.svg)


if __name__ == "__main__":
    main()
