#!/usr/bin/env python3
"""Traffic for what a bridge makes of masks; inside a namespace of a test.

crafted RULES DEVICE COUNT    writes COUNT packets to DEVICE, each of which differs from a rule of the file
                              RULES in one bit of each address and port: made to yield as many masks as can be
serve PORT                    answers each connection with a byte, until it is killed
connect PORT COUNT ADDRESS... COUNT connections, 400 at once, spread over the addresses: connect, a byte there,
                              a byte back
"""
import asyncio
import random
import re
import resource
import socket
import struct
import sys

SESSIONS = 400


def number_of(address):
    return struct.unpack("!I", socket.inet_aton(address))[0]


def targets_of(path):
    """(source, destination, destination port) that each rule of a file asks for."""
    targets = []
    with open(path, encoding="ascii") as file:
        for line in file:
            found = dict(re.findall(r"(nw_src|nw_dst|tp_dst)=([0-9.]+)", line))
            if "nw_dst" in found:
                targets.append((number_of(found.get("nw_src", "10.9.8.7")), number_of(found["nw_dst"]),
                                int(found.get("tp_dst", 80))))
    return targets


def flipped(value, width):
    """`value` with one bit turned, and random bits behind that."""
    place = random.randrange(width + 1)
    if place == width:
        return value
    return value ^ (1 << place) ^ random.getrandbits(place) if place else value ^ 1


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def tcp_frame(source, destination, ports):
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 40, 0, 0, 64, 6, 0, source, destination)
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    tcp = struct.pack("!HHIIBBHHH", *ports, 1, 0, 5 << 4, 2, 1024, 0, 0)
    return bytes.fromhex("0a00000000020a00000000010800") + ip + tcp


def crafted(path, device, count):
    random.seed(1)
    targets = targets_of(path)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((device, 0))
        for _ in range(count):
            source, destination, port = random.choice(targets)
            ports = random.getrandbits(16), flipped(port, 16)
            out.send(tcp_frame(flipped(source, 32), flipped(destination, 32), ports))


async def serve(port):
    async def answer(reader, writer):
        await reader.read(1)
        writer.write(b"x")
        writer.close()

    server = await asyncio.start_server(answer, "0.0.0.0", port, backlog=SESSIONS * 2)
    print("ready", flush=True)
    await server.serve_forever()


async def connect(port, count, addresses):
    todo = iter(range(count))

    async def session():
        for i in todo:
            reader, writer = await asyncio.open_connection(addresses[i % len(addresses)], port)
            writer.write(b"x")
            await reader.read(1)
            writer.close()

    await asyncio.gather(*[session() for _ in range(SESSIONS)])


def main():
    _, work, *arguments = sys.argv
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    if work == "crafted":
        crafted(arguments[0], arguments[1], int(arguments[2]))
    elif work == "serve":
        asyncio.run(serve(int(arguments[0])))
    else:
        asyncio.run(connect(int(arguments[0]), int(arguments[1]), arguments[2:]))


if __name__ == "__main__":
    main()
