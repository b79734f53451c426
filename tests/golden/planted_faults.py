#!/usr/bin/env python3
"""What module programs once left out is left out again, and the measured modules must reject it.

usage: planted_faults.py TENON [RULES] [--only REGEX]

Each fault is one thing that a real module does (rotary parameters of the config, norms of q and k, scales, windows, caps, sinks, corrections, groups, clamps, ...)
and is taken out of every program of a copy of the library, on both sides alike: so that the programs still agree with each other, and `tenon parity` alone
holds. Every measured module (modules.json) that does the thing, by its config, must then be found wrong by check_modules.py. Exit 77: NumPy or PyYAML is not installed.
"""
import copy, json, os, re, shutil, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import yaml
except ImportError:
    print("SKIPPED: the Python package pyyaml is not installed (tools/setup --tests)")
    sys.exit(77)
import check_modules


def own(case):
    config = case["config"]
    if "vision" in case["module"]:
        return config.get("vision_config", config)
    return config.get("text_config", config)


def rope(case):
    c = own(case)
    p = c.get("rope_parameters") or dict(c.get("rope_scaling") or {}, rope_theta=c.get("rope_theta", 10000.0))
    kinds = c.get("layer_types") or []
    layer = [int(s) for s in case["module"].split(".") if s.isdigit()]
    if any(isinstance(v, dict) for v in p.values()) and kinds and layer:
        p = p.get(kinds[layer[0]], {})
    return p


def says(pattern):
    return lambda case: re.search(pattern, case["about"]) is not None


def both(*conditions):
    return lambda case: all(condition(case) for condition in conditions)


def is_kind(*kinds):
    return lambda case: case["kind"] in kinds


def named(pattern):
    return lambda case: re.search(pattern, case["name"]) is not None


def is_turned(case):
    return case["kind"] == "attention" and "no rotation" not in case["about"] and ("rope_parameters" in own(case) or "rope_theta" in own(case))


def has_tensor(ending):
    return lambda case: any(t[0].endswith(ending) for t in case["tensors"])


def facts(case):
    return case.get("facts") or {}


def is_scaled(case):
    return case["kind"] == "attention" and "scaling" in facts(case) and abs(facts(case)["scaling"] - case["outputs"]["q"]["shape"][-1] ** -0.5) > 1e-9


def is_factor(case):
    """Its factor of the routed experts is one that changes anything."""
    c = own(case)
    return next((c[n] for n in ("routed_scaling_factor", "route_scale", "router_scaling_factor", "moe_routed_scaling_factor", "moe_router_scaling_factor") if c.get(n)), 1) != 1


def steps(program):
    return [s for side in ("original", "fused") for s in program[side]]


def leave_out(*ops, when=lambda step: True):
    """Steps of these operations hand on their first value."""
    def edit(program):
        for step in steps(program):
            if step["op"] in ops and when(step):
                step["when"] = False
    return edit


def drop(*attributes, op=None):
    def edit(program):
        for step in steps(program):
            if op is None or step["op"] == op:
                for attribute in attributes:
                    step.pop(attribute, None)
    return edit


def put(attribute, value, op):
    def edit(program):
        for step in steps(program):
            if step["op"] == op and (attribute in step or attribute == "scoring"):
                step[attribute] = value
    return edit


def rewrite(pattern, text):
    """In every expression of the program."""
    def walk(value):
        if isinstance(value, str):
            return re.sub(pattern, text, value)
        if isinstance(value, list):
            return [walk(v) for v in value]
        return {k: walk(v) for k, v in value.items()} if isinstance(value, dict) else value

    def edit(program):
        for key in ("set", "original", "fused"):
            if key in program:
                program[key] = walk(program[key])
    return edit


def all_turn(program):
    for step in steps(program):
        if step["op"] == "rope":
            step.pop("when", None)


def theta_alone(program):
    for step in steps(program):
        if step["op"] == "rope" and "parameters" in step:
            del step["parameters"]
            step["theta"] = 10000


def all_channels(program):
    for step in steps(program):
        if step["op"] == "rope" and "parameters" in step:
            del step["parameters"]
            step["theta"] = "${rope.rope_theta}"


def other_row(program):
    if "row" in program.get("set", {}):
        program["set"]["row"] = 1 - program["set"]["row"]


def other_sight(program):
    """Every token sees those before it where it sees all, and the other way round."""
    if "causal" in program.get("set", {}):
        for step in steps(program):
            if step["op"] == "attention" and isinstance(step.get("causal"), str):
                step["causal"] = step["causal"].replace("== 1", "== 0")


def turn_anyway(program):
    """Queries and keys of an attention turn, whether the program knows of a rotation or not."""
    for side in ("original", "fused"):
        turned = any(step["op"] == "rope" for step in program[side])
        out = []
        for step in program[side]:
            if step["op"] == "rope" and "parameters" in step:
                step = {k: v for k, v in step.items() if k not in ("parameters", "when")} | {"theta": 10000}
            elif step["op"] == "attention" and not turned:
                out += [{"op": "rope", "x": step[name], "theta": 10000, "out": f"{name}_turned_all_the_same"} for name in ("q", "k")]
                step = step | {name: f"{name}_turned_all_the_same" for name in ("q", "k")}
            out.append(step)
        program[side] = out


def named_value(step, pattern):
    return re.search(pattern, str(step.get("weight", "")) + " " + str(step.get("out", ""))) is not None


NORMS = r"q_norm|k_norm|q_layernorm|k_layernorm"
SHARED = r"shared"
# What is left out: the edit of each program, and which measured modules do it.
FAULTS = {
    "rope_parameters are not read": (theta_alone, both(is_turned, lambda c: rope(c).get("rope_type", "default") != "default" or rope(c).get("rope_theta") != 10000)),
    "every head turns whole": (all_channels, both(is_turned, lambda c: rope(c).get("partial_rotary_factor", 1) < 1)),
    "pairs turn as halves": (drop("interleaved", op="rope"), both(is_turned, says("neighbouring pairs"))),
    "the other direction": (drop("reverse", op="rope"), says("rotated the other way")),
    "layers without a rotation turn": (all_turn, both(says("no rotation"), lambda c: "rope_parameters" in own(c))),
    "what is not rotated turns": (turn_anyway, both(is_kind("attention"), says("no rotation: "))),
    "no rotation": (leave_out("rope"), is_turned),
    "norms of q and k": (leave_out("rms_norm", "layer_norm", when=lambda s: named_value(s, NORMS + r"|q_placed|^ k$|\bk$")), both(is_kind("attention"), says("normed|L2"))),
    "the scale": (drop("scale", op="attention"), is_scaled),
    "the window": (put("window", 0, "attention"), both(is_kind("attention"), lambda c: 0 < (facts(c).get("sliding_window") or 0) < c["outputs"]["q"]["shape"][0])),
    "the chunk": (put("chunk", 0, "attention"), says("chunks of")),
    "the cap of scores": (put("softcap", 0, "attention"), both(is_kind("attention"), lambda c: facts(c).get("softcap"))),
    "sinks": (drop("sinks", op="attention"), both(is_kind("attention"), lambda c: facts(c).get("sinks"))),
    "queries scaled by position": (leave_out("position_scale"), both(says("scaled by its position"), lambda c: rope(c)["original_max_position_embeddings"] < c["outputs"]["q"]["shape"][0])),
    "what the difference of heads begins with": (put("init", 0, "subtract_heads"), says("differential")),
    "biases": (drop("bias", op="linear"), both(is_kind("attention", "mlp"), says("biases"))),
    "a norm before the last projection": (leave_out("rms_norm", when=lambda s: "sub_norm" in s.get("weight", "")), says("a norm before the last projection")),
    "1 + w": (put("offset", 0, "rms_norm"), both(is_kind("attention"), says(r"1 \+ w"))),
    "1 + w before an MLP": (lambda p: (put("offset", 0, "rms_norm")(p), put("offset", 0, "rms_norm_mlp")(p)), both(is_kind("norm_mlp"), says(r"1 \+ w"))),
    "the norm's epsilon": (lambda p: (put("epsilon", 0.1, "rms_norm")(p), put("epsilon", 0.1, "rms_norm_mlp")(p)), is_kind("norm_mlp")),
    "sigmoid scores": (put("scoring", "softmax", "route"), both(is_kind("moe"), says("sigmoid|as deepseek_v3"))),
    "the root of softplus": (put("scoring", "sigmoid", "route"), both(is_kind("moe"), says("square root of softplus"))),
    "the softmax of all": (put("scoring", "sigmoid", "route"), both(is_kind("moe"), says("^softmax, "))),
    "the correction": (drop("correction", "corrected", op="route"), both(is_kind("moe"), says("correction|as deepseek_v3"))),
    "groups": (put("groups_kept", "${set.groups or 1}", "route"), both(is_kind("moe"), says("groups"))),
    "groups by their best two": (rewrite(r"\(set\.group_worth or 2\) == 2", "1 == 2"), both(is_kind("moe"), says("groups by their best two"))),
    "groups by their best": (rewrite(r"\(set\.group_worth or 2\) == 2", "1 == 1"), both(is_kind("moe"), says("groups by their best member"))),
    "the sum of the chosen is 1": (put("normalise", False, "route"), both(is_kind("moe"), says(r"(?<!not )normalised"), lambda c: c["model_type"] not in ("inkling_mm_model", "cohere2_moe"))),
    "the sum of the chosen is not 1": (put("normalise", True, "route"), both(is_kind("moe"), says("not normalised"))),
    "routed_scaling_factor": (lambda p: (put("scale", 1, "route")(p), leave_out("scale", when=lambda s: s["out"] == "routed")(p)), both(is_kind("moe"), says("scaling_factor|route_scale|as deepseek_v3"), is_factor)),
    "the cap of logits": (leave_out("softcap"), says("logits capped")),
    "shared experts": (leave_out("add", when=lambda s: s["out"] in ("sum", "y")), both(is_kind("moe"), says("shared experts$|shared expert with a gate$|shared MLP$"))),
    "the gate of a shared expert": (leave_out("mul", when=lambda s: s["out"] == "shared"), both(is_kind("moe"), says("shared expert with a gate"))),
    "the row of a correction": (other_row, says("correction of two rows")),
    "the mean of routed and shared": (leave_out("scale", when=lambda s: s["out"] == "mean"), says("averaged")),
    "one expert after the other": (lambda p: [s.update({"op": "route", "k": 2, "normalise": True}) or s.pop("jitter") for s in steps(p) if s["op"] == "route_near"], says("one after the other")),
    "the factor of all weights": (leave_out("mul_weight"), named(r"moe\.inkling")),
    "clamps": (drop("limit", "limit_after"), both(is_kind("moe", "mlp", "experts"), says("clamped"))),
    "squared ReLU": (put("act", "relu", "act"), both(is_kind("moe"), says("squared ReLU"))),
    "gate and activation of a tower": (rewrite(r"own\.hidden_act\b", "config.text_config.hidden_act"), named("mistral3.vision")),
    "rows and columns": (lambda p: [(s.pop("picture"), s.update(theta=10000)) for s in steps(p) if "picture" in s], says("rotation over two axes")),
    "the order of rows and columns": (lambda p: [s.update(picture="halves" if "turns" in str(p.get("set")) else "turns") for s in steps(p) if "picture" in s], says("rotation over two axes")),
    "a gate of what is seen": (leave_out("mul", when=lambda s: s["out"] in ("seen", "gated")), both(is_kind("attention", "split"), says("(?<!without )a gate"))),
    "the softplus of a gate": (lambda p: [s.update(op="sigmoid") for s in steps(p) if s["op"] == "softplus"], says("softplus of a gate")),
    "a norm for each head": (leave_out("layer_norm_heads"), says("a norm for each head")),
    "keys and projections that are multiplied": (leave_out("scale"), says("multiplied by a number")),
    "numbers beside keys": (drop("key_scores", op="attention"), says("added to scores")),
    "blocks of keys": (drop("blocks", "block", "groups", op="attention"), says("blocks of keys are chosen")),
    "positions of queries and keys": (leave_out("add", when=lambda s: s["out"] == "placed"), says("with positions added")),
    "queries scaled first": (lambda p: p.get("set", {}).pop("query_factor", None), both(is_kind("attention"), lambda c: facts(c).get("scaling") == 1 or named("xglm|trocr")(c))),
    "what a tower or a decoder sees": (other_sight, both(is_kind("attention"), named("clip|bart|marian|pegasus|m2m|blenderbot|whisper"))),
    "the short convolution's activation": (leave_out("silu"), is_kind("conv")),
}

def faulty_library(rules, to, edit):
    """A copy of the library with the edit made in every program; how many it changed."""
    shutil.copytree(rules, to)
    changed = 0
    for folder in ("parity", "fusions"):
        for name in sorted(os.listdir(f"{to}/{folder}")):
            path = f"{to}/{folder}/{name}"
            with open(path) as file:
                rule = json.loads(json.dumps(yaml.safe_load(file)))  # no node is shared
            for program in rule.get("modules", []):
                before = copy.deepcopy(program)
                edit(program)
                changed += program != before
            with open(path, "w") as file:
                json.dump(rule, file)
    return changed


def main():
    arguments = sys.argv[1:]
    only = ""
    if "--only" in arguments:
        at = arguments.index("--only")
        only = arguments[at + 1]
        del arguments[at:at + 2]
    tenon = arguments[0]
    here = os.path.dirname(os.path.abspath(__file__))
    rules = arguments[1] if len(arguments) > 1 else os.path.join(here, "../../rules")
    faults = {name: fault for name, fault in FAULTS.items() if re.search(only, name)}
    cases = check_modules.cases_of()
    accepted, rejected = [], 0
    for name, (edit, does) in faults.items():
        with tempfile.TemporaryDirectory() as folder:
            changed = faulty_library(rules, f"{folder}/rules", edit)
            doing = [c for c in cases if does(c)]
            if not changed or not doing:
                accepted.append(f"{name}: {changed} programs do it, {len(doing)} measured modules")
            for case in doing:
                work = tempfile.mkdtemp(dir=folder)
                why = check_modules.check(tenon, case, work, ["--rules-dir", f"{folder}/rules"])
                if why is None or "off by" not in why and "only" not in why:
                    accepted.append(f"{name}: {case['name']}: {why or 'right without it'}")
                else:
                    rejected += 1
            print(f"{name}: {changed} programs, {len(doing)} measured modules", flush=True)
    print(f"{rejected} times a measured module rejected one of {len(faults)} faults; not rejected: {len(accepted)}")
    for line in accepted:
        print("  " + line)
    sys.exit(1 if accepted else 0)


if __name__ == "__main__":
    main()
