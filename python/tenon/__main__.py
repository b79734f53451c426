"""The program: `tenon`, or `python -m tenon`."""

import signal
import sys

from tenon import _native


def main() -> int:
    # As every other program: what tenon does not catch itself ends it at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return _native.main(["tenon", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
