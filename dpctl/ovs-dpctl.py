#!/usr/bin/env python3
"""Runs dpctl under the name ovs-dpctl.py, in the dialect of the kernel's openvswitch selftests.

Put it, or a link to it, beside openvswitch.sh in place of the program of that name. dpctl is looked for
beside this file (beside what a link leads to), then on PATH. See dpctl(8).
"""
import os
import sys

NAME = "ovs-dpctl.py"
beside = os.path.join(os.path.dirname(os.path.realpath(__file__)), "dpctl")
try:
    if os.access(beside, os.X_OK):
        os.execv(beside, [NAME] + sys.argv[1:])
    os.execvp("dpctl", [NAME] + sys.argv[1:])
except OSError as error:
    sys.exit("%s: cannot run dpctl: %s" % (NAME, error.strerror))
