"""Sends numbered frames from h1 without pause, and has a rule lead them to h2 and h3 in turn.

Usage: rules_under_traffic.py SOCKET CHANGES

After each acknowledged change the number of the next frame is noted: that frame and all behind it must
take the new way. Frames sent while a change is under way may take either.
"""
import ctypes
import os
import socket
import subprocess
import sys
import threading
import time

TYPE = 0x88B5
libc = ctypes.CDLL(None, use_errno=True)


def packet_socket(host, protocol):
    """A packet socket in a host's namespace; the thread that asks comes back to its own."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/var/run/netns/{host}", os.O_RDONLY)
    if libc.setns(there, 0) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    opened.bind(("eth0", protocol))
    opened.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
    libc.setns(home, 0)
    os.close(home)
    os.close(there)
    return opened


class Sender(threading.Thread):
    def __init__(self):
        super().__init__()
        self.next = 0
        self.stop = False
        self.socket = packet_socket("h1", 0)

    def run(self):
        head = bytes.fromhex("0a0000000002" "0a0000000001") + TYPE.to_bytes(2, "big")
        while not self.stop:
            # The number is taken before the frame is sent: whoever reads it knows that later ones
            # are sent later.
            number = self.next
            self.next = number + 1
            # Now and then a new flow, which has to be asked for.
            source = (number // 16 % 4096).to_bytes(2, "big")
            frame = head[:10] + source + head[12:] + number.to_bytes(8, "big") + bytes(40)
            self.socket.send(frame)
            time.sleep(0.0005)


class Receiver(threading.Thread):
    def __init__(self, host):
        super().__init__()
        self.socket = packet_socket(host, TYPE)
        self.socket.settimeout(1)
        self.numbers = []
        self.stop = False

    def run(self):
        while True:
            try:
                frame = self.socket.recv(200)
            except TimeoutError:
                if self.stop:
                    return
                continue
            self.numbers.append(int.from_bytes(frame[14:22], "big"))


def change(path, port):
    subprocess.run(
        ["sluicectl", "--socket", path, "rules", "br0", "add", "--wait",
         f"table=1,priority=1,actions=output:{port}"],
        check=True, stdout=subprocess.DEVNULL)


def main():
    path, changes = sys.argv[1], int(sys.argv[2])
    receivers = {"v2": Receiver("h2"), "v3": Receiver("h3")}
    sender = Sender()
    change(path, "v2")
    for thread in [*receivers.values(), sender]:
        thread.start()
    spans = []  # (from, to, port): frames that must have gone there
    port, since, idle, slowest = "v2", 0, 0, 0.0
    for _ in range(changes):
        started, began = sender.next, time.monotonic()
        spans.append((since, started, port))
        port = "v3" if port == "v2" else "v2"
        change(path, port)
        slowest = max(slowest, time.monotonic() - began)
        since = sender.next + 1  # the one in hand may have been sent before
        # A few frames by this rule alone.
        for _ in range(1000):
            if sender.next >= since + 8:
                break
            time.sleep(0.001)
        else:
            idle += 1
    sender.stop = True
    sender.join()
    spans.append((since, sender.next, port))
    for receiver in receivers.values():
        receiver.stop = True
    for receiver in receivers.values():
        receiver.join()

    where = {}
    twice = 0
    for port, receiver in receivers.items():
        for number in receiver.numbers:
            twice += number in where
            where[number] = port
    old = [n for begin, end, port in spans for n in range(begin, end)
           if where.get(n, port) != port]
    lost = [n for n in range(sender.next) if n not in where]
    print(f"frames: {sender.next}, changes: {changes}, the slowest {slowest * 1000:.0f} ms")
    print(f"on an old path: {len(old)}")
    print(f"lost: {len(lost)}")
    print(f"twice: {twice}")
    print(f"changes without packets: {idle}")
    for name, numbers in (("old path", old), ("lost", lost)):
        if numbers:
            print(f"{name}: {numbers[:20]} of spans {spans[:3]}..", file=sys.stderr)


main()
