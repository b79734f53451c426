"""Takes the checkpoint conversions that an installed transformers knows into Tenon's rule files.

registry.py   the registry's entries as plain transforms, and which entries repeat which
models.py     every model class, built on the meta device, and where the registry's entries apply inside it
library.py    classes with the same transforms become one rule file
facts.py      what cannot be read from the package: one sentence per entry, part sizes, configs that make a class buildable
keys.py       whether a model needs the fused layout's own keys, and its globs
write.py      YAML as a person would write it
"""
