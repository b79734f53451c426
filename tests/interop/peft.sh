#!/usr/bin/env bash
# peft.sh TEST.py TENON: by the Python that TENON_PEFT_PYTHON names, or the system's. The test says itself where it is skipped.
exec "${TENON_PEFT_PYTHON:-python3}" -B "$1" "$2"
