"""The options of each function: those of the program, by the same names with underscores.

Written by tools/write-generated out of src/options/option_table.inc.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal, TypedDict

Path = str | os.PathLike[str]


class ConvertOptions(TypedDict, total=False):
    to: Literal["original", "fused"]
    """The layout to convert to: fused (default) or original (default: "fused")."""
    rules: str | Path | Sequence[str | Path]
    """auto (default: found by config.json), a name of the library, or a rule file (default: ())."""
    fuse: str | Sequence[str]
    """A fusion family to apply as well (default: ())."""
    rules_dir: Path | None
    """A rule library of your own, before the one that came with tenon; several: A:B (default: None)."""
    fill_from: Path | None
    """A checkpoint in the source's layout: tensors that the source lacks are taken from there (default: None)."""
    from_rules: str | Sequence[str]
    """The source is in the fused layout of these rules; it goes on to that of --rules and --fuse (default: ())."""
    into: Path | None
    """The model that a part goes into, by rules with insert or back by such with extract (default: None)."""
    base: Path | None
    """The base model of an adapter: its folder, or its model type (default: None)."""
    max_shard_size: str | int | None
    """Largest shard to write (default 5GB; a one-file checkpoint stays one file) (default: None)."""
    assume_used: str | Sequence[str]
    """To original without a manifest: also invert this PrefixChange, named as plan names it (default: ())."""
    assume_layout: str | Sequence[str]
    """original or fused: the layout that square tensors are in, where shapes cannot tell (default: ())."""
    one_way: bool
    """Accept a conversion whose way back does not give the source (default: False)."""
    allow_left_behind: bool
    """Leave tensors where they are though the weight that they belong to is taken (default: False)."""
    allow_missing_layers: bool
    """Convert what is there though config.json counts more layers (default: False)."""
    hash: Literal["none", "xxh3", "sha256"]
    """Hash of every tensor: xxh3 (default), sha256 (both, and of the shards) or none (default: "xxh3")."""
    side_files: Literal["model", "all"]
    """model (default), or all: a trainer's state too (default: "model")."""
    index: Literal["use", "ignore"]
    """use (default), or ignore: shards are found by their names, and checked to be whole (default: "use")."""
    follow_links: bool
    """Read links that lead out of the folder (default: False)."""
    verify: bool
    """Read again what was written and compare with the source (default: False)."""
    resume: bool
    """Go on with what an interrupted run finished (default: False)."""
    overwrite: bool
    """Replace DST, once the new one is complete (default: False)."""
    keep_extra: bool
    """With --overwrite: keep the files of DST that no conversion made (default: False)."""
    sync: bool
    """Off: do not wait for the disk: faster, not safe from power loss (default: True)."""
    dtype: Literal["bf16", "fp16", "fp32"] | None
    """Decode coded weights, and cast the rest, to bf16, fp16 or fp32 (default: None)."""
    keep: str | Sequence[str]
    """Of --dtype: tensors that keep their dtype (default: ())."""
    keep_codes: str | Sequence[str]
    """Keep the codes of these weights beside their numbers, for the way back (default: ())."""
    within: str | float | None
    """Accept numbers that come back within this part of themselves: 2^-8, 0.004 (default: None)."""
    quantize: Literal["fp8-block", "fp8-channel", "mxfp4", "nvfp4", "int4-g128", "packed"] | None
    """Code the weights of linear layers: fp8-block, fp8-channel, mxfp4, nvfp4, int4-g128, packed (default: None)."""
    ignore: str | Sequence[str]
    """Of --quantize: modules that stay as they are (default: ())."""
    threads: int
    """How many threads (default, and 0: as many as the machine has) (default: 0)."""


class PlanOptions(TypedDict, total=False):
    to: Literal["original", "fused"]
    """The layout to convert to: fused (default) or original (default: "fused")."""
    rules: str | Path | Sequence[str | Path]
    """auto (default: found by config.json), a name of the library, or a rule file (default: ())."""
    fuse: str | Sequence[str]
    """A fusion family to apply as well (default: ())."""
    rules_dir: Path | None
    """A rule library of your own, before the one that came with tenon; several: A:B (default: None)."""
    fill_from: Path | None
    """A checkpoint in the source's layout: tensors that the source lacks are taken from there (default: None)."""
    from_rules: str | Sequence[str]
    """The source is in the fused layout of these rules; it goes on to that of --rules and --fuse (default: ())."""
    into: Path | None
    """The model that a part goes into, by rules with insert or back by such with extract (default: None)."""
    base: Path | None
    """The base model of an adapter: its folder, or its model type (default: None)."""
    max_shard_size: str | int | None
    """Largest shard to write (default 5GB; a one-file checkpoint stays one file) (default: None)."""
    assume_used: str | Sequence[str]
    """To original without a manifest: also invert this PrefixChange, named as plan names it (default: ())."""
    assume_layout: str | Sequence[str]
    """original or fused: the layout that square tensors are in, where shapes cannot tell (default: ())."""
    one_way: bool
    """Accept a conversion whose way back does not give the source (default: False)."""
    allow_left_behind: bool
    """Leave tensors where they are though the weight that they belong to is taken (default: False)."""
    allow_missing_layers: bool
    """Convert what is there though config.json counts more layers (default: False)."""
    side_files: Literal["model", "all"]
    """model (default), or all: a trainer's state too (default: "model")."""
    index: Literal["use", "ignore"]
    """use (default), or ignore: shards are found by their names, and checked to be whole (default: "use")."""
    follow_links: bool
    """Read links that lead out of the folder (default: False)."""
    dtype: Literal["bf16", "fp16", "fp32"] | None
    """Decode coded weights, and cast the rest, to bf16, fp16 or fp32 (default: None)."""
    keep: str | Sequence[str]
    """Of --dtype: tensors that keep their dtype (default: ())."""
    keep_codes: str | Sequence[str]
    """Keep the codes of these weights beside their numbers, for the way back (default: ())."""
    within: str | float | None
    """Accept numbers that come back within this part of themselves: 2^-8, 0.004 (default: None)."""
    quantize: Literal["fp8-block", "fp8-channel", "mxfp4", "nvfp4", "int4-g128", "packed"] | None
    """Code the weights of linear layers: fp8-block, fp8-channel, mxfp4, nvfp4, int4-g128, packed (default: None)."""
    ignore: str | Sequence[str]
    """Of --quantize: modules that stay as they are (default: ())."""


class InspectOptions(TypedDict, total=False):
    index: Literal["use", "ignore"]
    """use (default), or ignore: shards are found by their names, and checked to be whole (default: "use")."""
    follow_links: bool
    """Read links that lead out of the folder (default: False)."""


class DiffOptions(TypedDict, total=False):
    rules_dir: Path | None
    """A rule library of your own, before the one that came with tenon; several: A:B (default: None)."""
    headers: bool
    """Compare no bytes (default: False)."""
    statistics: bool
    """Of each tensor that differs: how many elements do, and by how much at most (default: False)."""
    through: str | Sequence[str]
    """Compare B with what A becomes by these rules (auto: A's own) or families (default: ())."""
    threads: int
    """How many threads (default, and 0: as many as the machine has) (default: 0)."""


class VerifyOptions(TypedDict, total=False):
    rules: str | Path | Sequence[str | Path]
    """auto (default: found by config.json), a name of the library, or a rule file (default: ())."""
    fuse: str | Sequence[str]
    """A fusion family to apply as well (default: ())."""
    rules_dir: Path | None
    """A rule library of your own, before the one that came with tenon; several: A:B (default: None)."""
    fill_from: Path | None
    """A checkpoint in the source's layout: tensors that the source lacks are taken from there (default: None)."""
    from_rules: str | Sequence[str]
    """The source is in the fused layout of these rules; it goes on to that of --rules and --fuse (default: ())."""
    into: Path | None
    """The model that a part goes into, by rules with insert or back by such with extract (default: None)."""
    assume_used: str | Sequence[str]
    """To original without a manifest: also invert this PrefixChange, named as plan names it (default: ())."""
    assume_layout: str | Sequence[str]
    """original or fused: the layout that square tensors are in, where shapes cannot tell (default: ())."""
    follow_links: bool
    """Read links that lead out of the folder (default: False)."""
    against: Path | None
    """The checkpoint that it was made from (default: None)."""
    tensors_only: bool
    """Leave out the files beside the shards: config, tokenizer, index, code (default: False)."""
    keep_codes: str | Sequence[str]
    """Keep the codes of these weights beside their numbers, for the way back (default: ())."""
    threads: int
    """How many threads (default, and 0: as many as the machine has) (default: 0)."""


class ParityOptions(TypedDict, total=False):
    rules: str | Path | Sequence[str | Path]
    """auto (default: found by config.json), a name of the library, or a rule file (default: ())."""
    fuse: str | Sequence[str]
    """A fusion family to apply as well (default: ())."""
    rules_dir: Path | None
    """A rule library of your own, before the one that came with tenon; several: A:B (default: None)."""
    fill_from: Path | None
    """A checkpoint in the source's layout: tensors that the source lacks are taken from there (default: None)."""
    assume_used: str | Sequence[str]
    """To original without a manifest: also invert this PrefixChange, named as plan names it (default: ())."""
    assume_layout: str | Sequence[str]
    """original or fused: the layout that square tensors are in, where shapes cannot tell (default: ())."""
    backend: Literal["auto", "cpu", "cuda"]
    """auto (default: cuda where there is a GPU and the CUDA module), cpu or cuda (default: "auto")."""
    dtype: Literal["bf16", "fp16", "fp32"] | None
    """bf16, fp16 or fp32 (default: as the weights are) (default: None)."""
    layers: str
    """all (default), layers and ranges: 0-3,7 (default: "all")."""
    tokens: int
    """Tokens of input (default 16) (default: 16)."""
    seed: int
    """Of the inputs (default 0) (default: 0)."""
    module: str
    """A module's path in the fused layout: it and those below it alone (default: "")."""
    inputs: Path | None
    """A safetensors file of the modules' inputs by name, in place of seeded ones (default: None)."""


class LintOptions(TypedDict, total=False):
    rules_dir: Path | None
    """A rule library of your own, before the one that came with tenon; several: A:B (default: None)."""
    against: Path | None
    """A checkpoint that the rules are for (default: None)."""
    strict: bool
    """Warnings count: status 1 (default: False)."""


class BatchOptions(TypedDict, total=False):
    rules_dir: Path | None
    """A rule library of your own, before the one that came with tenon; several: A:B (default: None)."""
    dry_run: bool
    """Plan every job and write nothing (default: False)."""
    only: str | Sequence[str]
    """Run this job alone (default: ())."""
    jobs: int
    """Jobs at a time (default 1); they share the threads and the memory of one (default: 1)."""
    fail_fast: bool
    """Stop at the first job that fails (default: False)."""


class RulesListOptions(TypedDict, total=False):
    rules_dir: Path | None
    """A rule library of your own, before the one that came with tenon; several: A:B (default: None)."""


DEFAULTS: dict[str, dict[str, object]] = {
    "convert": {
        "to": "fused",
        "rules": (),
        "fuse": (),
        "rules_dir": None,
        "fill_from": None,
        "from_rules": (),
        "into": None,
        "base": None,
        "max_shard_size": None,
        "assume_used": (),
        "assume_layout": (),
        "one_way": False,
        "allow_left_behind": False,
        "allow_missing_layers": False,
        "hash": "xxh3",
        "side_files": "model",
        "index": "use",
        "follow_links": False,
        "verify": False,
        "resume": False,
        "overwrite": False,
        "keep_extra": False,
        "sync": True,
        "dtype": None,
        "keep": (),
        "keep_codes": (),
        "within": None,
        "quantize": None,
        "ignore": (),
        "threads": 0,
    },
    "plan": {
        "to": "fused",
        "rules": (),
        "fuse": (),
        "rules_dir": None,
        "fill_from": None,
        "from_rules": (),
        "into": None,
        "base": None,
        "max_shard_size": None,
        "assume_used": (),
        "assume_layout": (),
        "one_way": False,
        "allow_left_behind": False,
        "allow_missing_layers": False,
        "side_files": "model",
        "index": "use",
        "follow_links": False,
        "dtype": None,
        "keep": (),
        "keep_codes": (),
        "within": None,
        "quantize": None,
        "ignore": (),
    },
    "inspect": {
        "index": "use",
        "follow_links": False,
    },
    "diff": {
        "rules_dir": None,
        "headers": False,
        "statistics": False,
        "through": (),
        "threads": 0,
    },
    "verify": {
        "rules": (),
        "fuse": (),
        "rules_dir": None,
        "fill_from": None,
        "from_rules": (),
        "into": None,
        "assume_used": (),
        "assume_layout": (),
        "follow_links": False,
        "against": None,
        "tensors_only": False,
        "keep_codes": (),
        "threads": 0,
    },
    "parity": {
        "rules": (),
        "fuse": (),
        "rules_dir": None,
        "fill_from": None,
        "assume_used": (),
        "assume_layout": (),
        "backend": "auto",
        "dtype": None,
        "layers": "all",
        "tokens": 16,
        "seed": 0,
        "module": "",
        "inputs": None,
    },
    "lint": {
        "rules_dir": None,
        "against": None,
        "strict": False,
    },
    "batch": {
        "rules_dir": None,
        "dry_run": False,
        "only": (),
        "jobs": 1,
        "fail_fast": False,
    },
    "rules list": {
        "rules_dir": None,
    },
}

ABOUT: dict[str, dict[str, str]] = {
    "convert": {
        "to": "The layout to convert to: fused (default) or original",
        "rules": "auto (default: found by config.json), a name of the library, or a rule file",
        "fuse": "A fusion family to apply as well",
        "rules_dir": "A rule library of your own, before the one that came with tenon; several: A:B",
        "fill_from": "A checkpoint in the source's layout: tensors that the source lacks are taken from there",
        "from_rules": "The source is in the fused layout of these rules; it goes on to that of --rules and --fuse",
        "into": "The model that a part goes into, by rules with insert or back by such with extract",
        "base": "The base model of an adapter: its folder, or its model type",
        "max_shard_size": "Largest shard to write (default 5GB; a one-file checkpoint stays one file)",
        "assume_used": "To original without a manifest: also invert this PrefixChange, named as plan names it",
        "assume_layout": "original or fused: the layout that square tensors are in, where shapes cannot tell",
        "one_way": "Accept a conversion whose way back does not give the source",
        "allow_left_behind": "Leave tensors where they are though the weight that they belong to is taken",
        "allow_missing_layers": "Convert what is there though config.json counts more layers",
        "hash": "Hash of every tensor: xxh3 (default), sha256 (both, and of the shards) or none",
        "side_files": "model (default), or all: a trainer's state too",
        "index": "use (default), or ignore: shards are found by their names, and checked to be whole",
        "follow_links": "Read links that lead out of the folder",
        "verify": "Read again what was written and compare with the source",
        "resume": "Go on with what an interrupted run finished",
        "overwrite": "Replace DST, once the new one is complete",
        "keep_extra": "With --overwrite: keep the files of DST that no conversion made",
        "sync": "Off: do not wait for the disk: faster, not safe from power loss",
        "dtype": "Decode coded weights, and cast the rest, to bf16, fp16 or fp32",
        "keep": "Of --dtype: tensors that keep their dtype",
        "keep_codes": "Keep the codes of these weights beside their numbers, for the way back",
        "within": "Accept numbers that come back within this part of themselves: 2^-8, 0.004",
        "quantize": "Code the weights of linear layers: fp8-block, fp8-channel, mxfp4, nvfp4, int4-g128, packed",
        "ignore": "Of --quantize: modules that stay as they are",
        "threads": "How many threads (default, and 0: as many as the machine has)",
    },
    "plan": {
        "to": "The layout to convert to: fused (default) or original",
        "rules": "auto (default: found by config.json), a name of the library, or a rule file",
        "fuse": "A fusion family to apply as well",
        "rules_dir": "A rule library of your own, before the one that came with tenon; several: A:B",
        "fill_from": "A checkpoint in the source's layout: tensors that the source lacks are taken from there",
        "from_rules": "The source is in the fused layout of these rules; it goes on to that of --rules and --fuse",
        "into": "The model that a part goes into, by rules with insert or back by such with extract",
        "base": "The base model of an adapter: its folder, or its model type",
        "max_shard_size": "Largest shard to write (default 5GB; a one-file checkpoint stays one file)",
        "assume_used": "To original without a manifest: also invert this PrefixChange, named as plan names it",
        "assume_layout": "original or fused: the layout that square tensors are in, where shapes cannot tell",
        "one_way": "Accept a conversion whose way back does not give the source",
        "allow_left_behind": "Leave tensors where they are though the weight that they belong to is taken",
        "allow_missing_layers": "Convert what is there though config.json counts more layers",
        "side_files": "model (default), or all: a trainer's state too",
        "index": "use (default), or ignore: shards are found by their names, and checked to be whole",
        "follow_links": "Read links that lead out of the folder",
        "dtype": "Decode coded weights, and cast the rest, to bf16, fp16 or fp32",
        "keep": "Of --dtype: tensors that keep their dtype",
        "keep_codes": "Keep the codes of these weights beside their numbers, for the way back",
        "within": "Accept numbers that come back within this part of themselves: 2^-8, 0.004",
        "quantize": "Code the weights of linear layers: fp8-block, fp8-channel, mxfp4, nvfp4, int4-g128, packed",
        "ignore": "Of --quantize: modules that stay as they are",
    },
    "inspect": {
        "index": "use (default), or ignore: shards are found by their names, and checked to be whole",
        "follow_links": "Read links that lead out of the folder",
    },
    "diff": {
        "rules_dir": "A rule library of your own, before the one that came with tenon; several: A:B",
        "headers": "Compare no bytes",
        "statistics": "Of each tensor that differs: how many elements do, and by how much at most",
        "through": "Compare B with what A becomes by these rules (auto: A's own) or families",
        "threads": "How many threads (default, and 0: as many as the machine has)",
    },
    "verify": {
        "rules": "auto (default: found by config.json), a name of the library, or a rule file",
        "fuse": "A fusion family to apply as well",
        "rules_dir": "A rule library of your own, before the one that came with tenon; several: A:B",
        "fill_from": "A checkpoint in the source's layout: tensors that the source lacks are taken from there",
        "from_rules": "The source is in the fused layout of these rules; it goes on to that of --rules and --fuse",
        "into": "The model that a part goes into, by rules with insert or back by such with extract",
        "assume_used": "To original without a manifest: also invert this PrefixChange, named as plan names it",
        "assume_layout": "original or fused: the layout that square tensors are in, where shapes cannot tell",
        "follow_links": "Read links that lead out of the folder",
        "against": "The checkpoint that it was made from",
        "tensors_only": "Leave out the files beside the shards: config, tokenizer, index, code",
        "keep_codes": "Keep the codes of these weights beside their numbers, for the way back",
        "threads": "How many threads (default, and 0: as many as the machine has)",
    },
    "parity": {
        "rules": "auto (default: found by config.json), a name of the library, or a rule file",
        "fuse": "A fusion family to apply as well",
        "rules_dir": "A rule library of your own, before the one that came with tenon; several: A:B",
        "fill_from": "A checkpoint in the source's layout: tensors that the source lacks are taken from there",
        "assume_used": "To original without a manifest: also invert this PrefixChange, named as plan names it",
        "assume_layout": "original or fused: the layout that square tensors are in, where shapes cannot tell",
        "backend": "auto (default: cuda where there is a GPU and the CUDA module), cpu or cuda",
        "dtype": "bf16, fp16 or fp32 (default: as the weights are)",
        "layers": "all (default), layers and ranges: 0-3,7",
        "tokens": "Tokens of input (default 16)",
        "seed": "Of the inputs (default 0)",
        "module": "A module's path in the fused layout: it and those below it alone",
        "inputs": "A safetensors file of the modules' inputs by name, in place of seeded ones",
    },
    "lint": {
        "rules_dir": "A rule library of your own, before the one that came with tenon; several: A:B",
        "against": "A checkpoint that the rules are for",
        "strict": "Warnings count: status 1",
    },
    "batch": {
        "rules_dir": "A rule library of your own, before the one that came with tenon; several: A:B",
        "dry_run": "Plan every job and write nothing",
        "only": "Run this job alone",
        "jobs": "Jobs at a time (default 1); they share the threads and the memory of one",
        "fail_fast": "Stop at the first job that fails",
    },
    "rules list": {
        "rules_dir": "A rule library of your own, before the one that came with tenon; several: A:B",
    },
}
