"""Checkpoints to try the package on."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(folder, model, *arguments):
    subprocess.run(
        [sys.executable, ROOT / "tools/make-checkpoint", folder, "--model", model, *arguments], check=True, stdout=subprocess.DEVNULL
    )
    return folder


@pytest.fixture(scope="session")
def moe(tmp_path_factory):
    """A mixture of experts in three shards; nobody writes into it."""
    return make(tmp_path_factory.mktemp("source") / "moe", "mixtral", "--shard-size", "250kB")


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """Large enough that a conversion takes a while."""
    return make(tmp_path_factory.mktemp("source") / "large", "mixtral", "--bytes", "300MB", "--layers", "4", "--hidden", "512", "--intermediate", "1024")
