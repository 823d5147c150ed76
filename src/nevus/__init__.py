"""nevus: dermoscopy toolkit for lesion segmentation, attributes and diagnosis (ISIC 2018).

Research use only. Not a medical device. Not for diagnosis or treatment decisions.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "Analysis",
    "Analyzed",
    "Analyzer",
    "Failure",
    "ImageError",
    "NevusError",
    "UsageError",
    "ZooError",
    "__version__",
    "analyze",
]

if TYPE_CHECKING:
    from nevus.analysis.results import Analysis
    from nevus.analyzer.analyzed import Analyzed
    from nevus.analyzer.analyzer import Analyzer
    from nevus.analyzer.call import analyze
    from nevus.errors import ImageError, NevusError, UsageError, ZooError
    from nevus.inference.inputs import Failure
else:
    _PLACES = {
        "Analysis": "nevus.analysis.results",
        "Analyzed": "nevus.analyzer.analyzed",
        "Analyzer": "nevus.analyzer.analyzer",
        "Failure": "nevus.inference.inputs",
        "ImageError": "nevus.errors",
        "NevusError": "nevus.errors",
        "UsageError": "nevus.errors",
        "ZooError": "nevus.errors",
        "analyze": "nevus.analyzer.call",
    }

    # Hidden from type checkers, which would take any misspelt name for something.
    def __getattr__(name: str) -> Any:
        """Load what is asked for, so that ``import nevus`` stays light."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_PLACES[name]), name)

    def __dir__() -> list[str]:
        return sorted(globals().keys() | _PLACES.keys())
