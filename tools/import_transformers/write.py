"""YAML as a person would write it: one transform a line where it fits."""

import json
import re

WIDTH = 110
PLAIN = re.compile(r"[A-Za-z_.][A-Za-z0-9_.$*-]*")
SENTENCE = re.compile(r"[A-Za-z][^:#\[\]{}]*")
RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "~"}


def scalar(value):
    """A string plain where YAML reads it back as the same string, in single quotes otherwise."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if " " in value and SENTENCE.fullmatch(value) and "," not in value:
        return value
    if (
        PLAIN.fullmatch(value)
        and value.lower() not in RESERVED
        and not re.fullmatch(r"[.0-9e+-]+|\.nan|\.inf", value.lower())
    ):
        return value
    return "'" + value.replace("'", "''") + "'"


def flow(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    return scalar(value)


def one_or_list(patterns):
    return patterns[0] if len(patterns) == 1 else patterns


def operation(op):
    """`Name: {parameters}`, written without the braces of a one-key map inside a flow list."""
    parameters = {k: v for k, v in op.items() if k != "op"}
    return f"{op['op']}: {flow(parameters)}" if parameters else op["op"]


def transform(t):
    """The lines of one list item, indented by two."""
    fields = {
        k: one_or_list(v) if k.endswith("_patterns") else v for k, v in t.items() if k not in ("kind", "operations")
    }
    line = f"  - {t['kind']}: {flow(fields)}"
    if "operations" not in t and len(line) <= WIDTH:
        return [line]
    out = [f"  - {t['kind']}:"]
    for name, value in fields.items():
        line = f"      {scalar(name)}: {flow(value)}"
        if len(line) <= WIDTH or not isinstance(value, list):
            out.append(line)
        else:
            out += [f"      {name}:"] + [f"        - {flow(v)}" for v in value]
    if "operations" in t:
        line = "      operations: [" + ", ".join(operation(op) for op in t["operations"]) + "]"
        out += (
            [line]
            if len(line) <= WIDTH
            else ["      operations:"] + [l for op in t["operations"] for l in operation_lines(op)]
        )
    return out


def operation_lines(op):
    line = f"        - {operation(op)}"
    if len(line) <= WIDTH:
        return [line]
    out = [f"        - {op['op']}:"]
    for name, value in op.items():
        if name != "op":
            out += (
                listing(name, value, "            ")
                if isinstance(value, list)
                else [f"            {name}: {flow(value)}"]
            )
    return out


def listing(key, values, indent=""):
    line = f"{indent}{key}: {flow(values)}"
    return [line] if len(line) <= WIDTH else [f"{indent}{key}:"] + [f"{indent}  - {flow(v)}" for v in values]


def folded(key, text):
    """A sentence on one line, or folded."""
    if len(f"{key}: {text}") <= WIDTH:
        return [f"{key}: {text if SENTENCE.fullmatch(text) else scalar(text)}"]
    out, line = [f"{key}: >-"], " "
    for word in text.split():
        if len(line) + 1 + len(word) > WIDTH:
            out.append(line)
            line = " "
        line += " " + word
    return out + [line]


def submodel(where, module, rules):
    return module if rules is None else {"module": module, "rules": rules}


def submodel_lines(where, modules):
    line = f"  {where}: {flow(modules)}"
    if len(line) <= WIDTH:
        return [line]
    if isinstance(modules, list):
        return [f"  {where}:"] + [f"    - {flow(m)}" for m in modules]
    return [f"  {where}:", *(f"    {k}: {flow(v)}" for k, v in modules.items())]


def rule_file(rules, transforms, about, origin, silence):
    """The whole text of one rule file; `transforms` are its own, completed."""
    out = ["tenon: 1", f"name: {rules.name}", *folded("about", about), f"origin: {origin}"]
    if rules.model_types:
        out += ["applies_to:", *listing("model_type", rules.model_types, "  ")]
        if rules.architectures:
            out += listing("architectures", rules.architectures, "  ")
    if rules.base:
        out.append(f"base_model_prefix: {rules.base}")
    if rules.include:
        out += listing("include", rules.include)
    if transforms:
        out.append("transforms:")
        for t in transforms:
            out += transform(t)
    if rules.submodels:
        out.append("submodels:")
        at = {}
        for where, module, chosen in rules.submodels:
            at.setdefault(where, []).append(submodel(where, module, chosen))
        for where, modules in at.items():
            out += submodel_lines(scalar(where), modules[0] if len(modules) == 1 else modules)
    if silence:
        out += ["silence:", *(f"  - {flow(s)}" for s in silence)]
    if rules.keys:
        out += keys(rules.keys, {c.split(":")[0] for c in rules.classes})
    return "\n".join(out) + "\n"


def keys(by_class, all_classes):
    """One list where every class of the file has the same, else a list for each architecture that needs one."""
    lists = list(by_class.values())
    if set(by_class) == all_classes and all(v == lists[0] for v in lists):
        return ["keys:"] + [f"  - {flow(k)}" for k in lists[0]]
    out = ["keys:"]
    for cls, globs in by_class.items():
        out += [f"  {cls}:"] + [f"    - {flow(k)}" for k in globs]
    return out


def table(value):
    """The importer's table: one entry a line."""
    out = ["{"]
    for i, (section, content) in enumerate(value.items()):
        end = "," if i + 1 < len(value) else ""
        if isinstance(content, dict):
            rows = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in content.items()]
            out += [f"{json.dumps(section)}: {{", ",\n".join(rows), "}" + end]
        else:
            out.append(f"{json.dumps(section)}: {json.dumps(content)}{end}")
    return "\n".join([*out, "}"]) + "\n"
