#!/usr/bin/env python3
"""Numbered packets, and which of them were lost.

stream.py receive PORT LOG           writes each number that arrives to LOG
stream.py send ADDRESS PORT SIZE LOG sends a packet each few milliseconds; LOG holds the next number
stream.py next LOG                   the number that is sent next
stream.py lost RECEIVED FROM TO     the numbers of [FROM, TO) that never arrived: how many, the first, the last
stream.py twice RECEIVED             how many numbers arrived more than once

A number is noted before its packet is sent: what `next` says has not left yet, and all below it have, or
are about to. Logs are words of eight bytes.
"""
import socket
import struct
import sys
import time

PAUSE = 0.005
WORD = struct.Struct(">Q")


def receive(port, log):
    with open(log, "wb", buffering=0) as out, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        udp.bind(("", port))
        while True:
            out.write(udp.recv(65536)[: WORD.size])


def send(address, port, size, log):
    with open(log, "wb", buffering=0) as note, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        number = 0
        while True:
            note.seek(0)
            note.write(WORD.pack(number + 1))
            try:
                udp.sendto(WORD.pack(number).ljust(size, b"s"), (address, port))
            except OSError:
                pass  # no neighbour, or too large for what is known of the path: it is lost, and counted as that
            number += 1
            time.sleep(PAUSE)


def words(log):
    with open(log, "rb") as file:
        data = file.read()
    return [word for (word,) in WORD.iter_unpack(data[: len(data) // WORD.size * WORD.size])]


def main():
    command, *rest = sys.argv[1:]
    if command == "receive":
        receive(int(rest[0]), rest[1])
    elif command == "send":
        send(rest[0], int(rest[1]), int(rest[2]), rest[3])
    elif command == "next":
        print(words(rest[0])[0])
    elif command == "lost":
        arrived = set(words(rest[0]))
        lost = [n for n in range(int(rest[1]), int(rest[2])) if n not in arrived]
        print(len(lost), *(lost[:1] + lost[-1:]))
    elif command == "twice":
        arrived = words(rest[0])
        print(len(arrived) - len(set(arrived)))
    else:
        sys.exit(__doc__)


main()
