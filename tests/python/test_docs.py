"""The Python of the pages runs as it stands, in the page's order."""

import importlib.util
import re

import pytest
from conftest import ROOT, make

PAGES = ("docs/python.md", "docs/how-to/transformers.md")
# What a block needs that does not come with tenon.
PACKAGES = {"transformers": "transformers", "progress=True": "tqdm"}


def missing(block):
    return [name for word, name in PACKAGES.items() if word in block and importlib.util.find_spec(name) is None]


@pytest.mark.parametrize("page", PAGES)
def test_python_of_the_page(page, tmp_path, monkeypatch):
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)
    assert blocks
    make(tmp_path / "Mixtral-8x7B", "mixtral")
    monkeypatch.chdir(tmp_path)
    names, run = {}, 0
    for block in blocks:
        if missing(block):
            continue
        exec(compile(block, page, "exec"), names)
        run += 1
    if run == 0:
        pytest.skip(f"every block needs {', '.join(PACKAGES.values())}")
