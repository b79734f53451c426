#!/usr/bin/env bash
# torch.sh TEST.py TENON: by the Python that TENON_TORCH_PYTHON names, or the system's. The test says itself where it is skipped.
exec "${TENON_TORCH_PYTHON:-python3}" -B "$1" "$2"
