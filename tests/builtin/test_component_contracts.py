"""metaauto's own preprocessors, extractors and metrics keep the contracts of plugins."""

from __future__ import annotations

from metaauto.builtin.metafeatures import EXTRACTORS
from metaauto.builtin.preprocessors import PREPROCESSORS
from metaauto.testing import MetafeatureContract, PreprocessorContract


def _add(base, attribute, component, label, **settings):
    name = "Test" + "".join(part.title() for part in label.replace("-", "_").split("_"))
    globals()[name] = type(
        name, (base,), {attribute: component, "__module__": __name__, **settings}
    )


for _step in PREPROCESSORS:
    _label = f"{_step.slot}_{_step.name}"
    _add(PreprocessorContract, "preprocessor", _step, _label, rows=60, draws=3)
for _source in EXTRACTORS:
    _add(MetafeatureContract, "metafeature", _source, f"metafeature_{_source.name}")
