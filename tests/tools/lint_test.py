#!/usr/bin/env python3
"""tools/lint finds what it is there to find, and nothing else. Prints `ok NAME` or `FAIL NAME`."""
import pathlib
import subprocess
import sys
import tempfile

LINT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "lint"
HEADER = "// What it is.\n#pragma once\n"

# what is shown, path, text, the complaint (part of it), or None for a clean tree
CASES = [
    ("a lower layer may be included", "netlink/ovs/a.h",
     HEADER + '#include "netlink/base/b.h"\n', None),
    ("a higher layer may not", "netlink/base/a.h",
     HEADER + '#include "netlink/attr/b.h"\n', "netlink/base may not include netlink/attr"),
    ("nor a neighbour", "netlink/route/a.cc",
     '#include "netlink/ovs/b.h"\n', "netlink/route may not include netlink/ovs"),
    ("dpctl and agent know nothing of each other", "dpctl/a.cc",
     '#include "agent/port/b.h"\n', "dpctl may not include agent/port"),
    ("layers inside the agent hold too", "agent/pipeline/a.cc",
     '#include "agent/upcall/b.h"\n', "agent/pipeline may not include agent/upcall"),
    ("translation is pure", "agent/translate/a.cc",
     '#include "netlink/socket/b.h"\n', "agent/translate may not include netlink/socket"),
    ("the uapi supplement is for everybody", "netlink/base/a.cc",
     '#include "kmod-compat/uapi/openvswitch.h"\n', None),
    ("the feature table is not", "netlink/ovs/a.cc",
     '#include "kmod-compat/features.h"\n', "netlink/ovs may not include kmod-compat"),
    ("a folder without a layer is noticed", "agent/attic/a.cc",
     '#include "netlink/base/b.h"\n', "in no folder of tools/lint.layers"),
    ("libmnl stays in netlink/socket", "netlink/ovs/a.cc",
     "#include <libmnl/libmnl.h>\n", "only netlink/socket"),
    ("libnl-route stays in netlink/route", "netlink/socket/a.cc",
     "#include <netlink/route/link.h>\n", "only netlink/route"),
    ("a switch over attributes", "netlink/ovs/a.cc",
     "  case OVS_KEY_ATTR_IPV4:\n", "a switch over attributes"),
    ("a header without an opening comment", "netlink/base/a.h",
     "#pragma once\n", "opens with a comment"),
    ("a header without its guard", "netlink/base/a.h", "// What it is.\n", "no #pragma once"),
    ("work left over", "docs/a.md", "TO" + "DO: write this\n", "do it, or open an issue"),
    ("a sloppy shell script", "tools/a", "#!/bin/sh\nrm $1\n", "SC2086"),
    ("a long function is a note, no failure", "netlink/base/a.cc",
     "void F() {\n" + "  G();\n" * 60 + "}\n", None),
]


def complaints(path, text):
    with tempfile.TemporaryDirectory() as root:
        file = pathlib.Path(root, path)
        file.parent.mkdir(parents=True)
        file.write_text(text)
        subprocess.run(["git", "init", "--quiet", root], check=True)
        run = subprocess.run([LINT, "--root", root], capture_output=True, text=True)
        return run.returncode, run.stdout


def main():
    failed = False
    for name, path, text, complaint in CASES:
        status, output = complaints(path, text)
        ok = status == 0 if complaint is None else status == 1 and complaint in output
        if not ok:
            failed = True
            print(output)
        print("ok" if ok else "FAIL", "lint:", name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
