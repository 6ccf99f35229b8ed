"""Writes FAMILY.hex, the distinct messages that the openvswitch families send, as seen on nlmon0."""
import os
import signal
import socket
import struct
import sys

FAMILIES = {"ovs_datapath": "datapath", "ovs_vport": "vport", "ovs_flow": "flow",
            "ovs_packet": "packet"}
LIMITS = {"datapath": 6, "vport": 12, "flow": 60, "packet": 12}
NAMES = {}  # family ids, from the controller's own answers


def attributes(data):
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("HH", data, at)
        if length < 4 or at + length > len(data):
            return
        yield kind & 0x3FFF, data[at + 4:at + length]
        at += (length + 3) & ~3


def messages(datagram):
    at = 0
    while at + 16 <= len(datagram):
        length, = struct.unpack_from("I", datagram, at)
        if length < 16 or at + length > len(datagram):
            return
        yield datagram[at:at + length]
        at += (length + 3) & ~3


def shape(family, message):
    """What makes a message worth a place: its command and what its attributes hold, but not
    counters, clocks and ports."""
    skip = {"flow": {3, 4, 5}, "vport": {5, 6, 10}, "datapath": {3, 4}, "packet": {1, 11}}[family]
    if family == "packet":
        key = dict(attributes(message[24:])).get(2, b"")
        return message[16], tuple(kind for kind, _ in attributes(key))
    return message[16], tuple((kind, data) for kind, data in attributes(message[24:])
                              if kind not in skip)


class Stop(Exception):
    pass


def stop(*_):
    raise Stop


def main(folder):
    signal.signal(signal.SIGTERM, stop)
    monitor = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
    monitor.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
    monitor.bind(("nlmon0", 0))
    kept = {family: {} for family in LIMITS}
    try:
        while True:
            datagram, _ = monitor.recvfrom(1 << 17)
            for message in messages(datagram):
                kind, flags, _, port = struct.unpack_from("HHII", message, 4)
                if kind == 16 and message[16] == 1:  # CTRL_CMD_NEWFAMILY
                    info = dict(attributes(message[20:]))
                    if 1 in info and 2 in info:
                        NAMES[struct.unpack_from("H", info[1])[0]] = info[2].rstrip(b"\0").decode()
                family = FAMILIES.get(NAMES.get(kind, ""))
                if family is None or flags & 1:  # NLM_F_REQUEST: not the kernel's
                    continue
                kept[family].setdefault(shape(family, message), message)
    except Stop:
        pass
    for family, found in kept.items():
        with open(os.path.join(folder, family + ".hex"), "w", encoding="ascii") as file:
            file.write(f"# Messages of ovs_{family} as Linux {os.uname().release} sent them, "
                       "recorded with nlmon\n# by tests/golden/capture.sh. One a line, with its "
                       "nlmsghdr; the family's id is that kernel's.\n")
            for message in list(found.values())[:LIMITS[family]]:
                file.write(message.hex() + "\n")


main(sys.argv[1])
