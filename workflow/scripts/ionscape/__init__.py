"""ionscape: compound families from raw mass-spectrometry runs.

From Python, answers for new runs by an exported folder::

    from ionscape import predict

    answers = predict("results/example/export", "folder/of/runs")
    print(answers.table().to_pandas())

All else is a room of the library, pure functions that the rules' scripts call.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .serving.predict import predict

__all__ = ["__version__", "predict"]

__version__ = "0.2.0.dev0"


def __getattr__(name: str) -> Any:
    """Imports what predicts, PyTorch with it, when it is asked for."""
    if name == "predict":
        from .serving.predict import predict

        return predict
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
