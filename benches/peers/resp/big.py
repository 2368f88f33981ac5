#!/usr/bin/env python3
"""Large values and large requests: what a server takes for commands that need not read a value, and what it is like after one huge MSET.

    big.py --server './dolmen-peers-resp {port} {dir} never' [--rounds 9] [--size 104857600] [--keys 1000000]

Per command two times: the clock's, from the request's last byte to the reply (the median of the rounds, which a loaded machine raises), and the
server's own, INFO commandstats. DEL counts with its write. Of SET: the median of 20,000 with one client before and after the MSET.
"""
import argparse, os, shlex, shutil, socket, statistics, subprocess, tempfile, time

class Client:
    def __init__(self, port):
        for _ in range(200):
            try:
                self.socket = socket.create_connection(("127.0.0.1", port))
                break
            except OSError:
                time.sleep(0.05)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, *words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.socket.sendall(b"".join(parts))

    def reply(self):
        line = self.file.readline()
        assert line[:1] != b"-", line
        if line[:1] == b"$" and line != b"$-1\r\n":
            return self.file.read(int(line[1:]) + 2)[:-2]
        return line[1:-2]

    def call(self, *words):
        self.send(*words)
        start = time.perf_counter()
        found = self.reply()
        return found, (time.perf_counter() - start) * 1e3

def server_us(client, command):
    for line in client.call("INFO", "commandstats")[0].decode().split("\r\n"):
        if line.startswith(f"cmdstat_{command}:"):
            fields = dict(field.split("=") for field in line.split(":")[1].split(","))
            return float(fields["usec"]) / max(int(fields["calls"]), 1)
    return 0.0

def large_values(client, rounds, size):
    commands = [("EXISTS", "big"), ("TTL", "big"), ("EXPIRE", "big", 1000), ("PERSIST", "big"), ("STRLEN", "small"), ("DEL", "big")]
    took = {}
    value = os.urandom(1 << 20) * (size >> 20)
    client.call("SET", "small", "x")
    for turn in range(rounds):
        client.call("SET", "big", value)
        if turn % 2:
            client.call("SAVE")
        else:
            time.sleep(0.3)
        for command in commands:
            found, ms = client.call(*command)
            assert found in (b"1", b"-1"), (command, found)
            took.setdefault(command[0], []).append(ms)
    for name, all_ms in took.items():
        print(f"{name:8} {size >> 20} MiB: median {statistics.median(all_ms):8.3f} ms, least {min(all_ms):8.3f}, "
              f"server's own mean {server_us(client, name.lower()) / 1e3:8.3f} ms", flush=True)

def p50_us(client, first):
    took = []
    for i in range(20_000):
        took.append(client.call("SET", f"one:{first + i}", "x" * 100)[1] * 1e3)
    return statistics.median(took)

def one_mset(client, keys):
    p50_us(client, 0)
    before = p50_us(client, 100_000)
    words = ["MSET"]
    for i in range(keys):
        words += [f"many:{i:09}", "v" * 16]
    _, ms = client.call(*words)
    after = [p50_us(client, 200_000 + 100_000 * turn) for turn in range(3)]
    shown = ", ".join(f"{us:.1f}" for us in after)
    print(f"SET p50 {before:.1f} us before an MSET of {keys} keys ({ms:.0f} ms), {shown} us after: {min(after) / before:.2f}x to {max(after) / before:.2f}x")

def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--server", required=True)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--size", type=int, default=100 << 20)
    options.add_argument("--keys", type=int, default=1_000_000)
    options.add_argument("--port", type=int, default=7790)
    given = options.parse_args()
    root = tempfile.mkdtemp(prefix="dolmen-big-")
    words = shlex.split(given.server.format(port=given.port, http=given.port + 100, dir=root))
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        client = Client(given.port)
        large_values(client, given.rounds, given.size)
        client.call("FLUSHALL")
        one_mset(client, given.keys)
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(root, ignore_errors=True)

main()
