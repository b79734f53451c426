#!/usr/bin/env python3
"""Every case of the folder `cases`: it is as wanted, or it stands in not_yet.txt. One that stands there and is as wanted fails too.

    field_test.py TENON
"""

import os
import sys
import tempfile

try:
    import numpy  # noqa: F401
except ImportError:
    print("SKIPPED: the cases are computed with NumPy, which this Python does not have")
    sys.exit(77)

import field

HERE = os.path.dirname(os.path.abspath(__file__))


def not_yet():
    with open(os.path.join(HERE, "not_yet.txt")) as file:
        lines = (line.split("#")[0].strip() for line in file)
        return {line for line in lines if line}


def main(tenon):
    # The cases register themselves with the module of this name.
    field.collect(os.path.join(HERE, "cases"))
    listed = not_yet()
    wrong = [f"{name} stands in not_yet.txt, but is no case" for name in sorted(listed - set(field.CASES))]
    with tempfile.TemporaryDirectory() as root:
        for name in field.CASES:
            _, results = field.try_one(root, tenon, name)
            complaints = [f"tenon {args}: {'; '.join(found)}" for args, found, _ in results if found]
            if complaints and name not in listed:
                wrong += [f"{name}: {complaint}" for complaint in complaints]
            elif not complaints and name in listed:
                wrong.append(f"{name} is as wanted now: take it out of not_yet.txt")
    for line in wrong:
        print(f"FAILED {line}")
    print(f"{len(field.CASES) - len(listed)} cases to be as wanted, {len(listed)} not yet, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
