"""What a scheme may ask of the earlier stage that it follows."""

from __future__ import annotations

from zoo.data.target import Response
from zoo.errors import ComponentError
from zoo.schemes.model import Model
from zoo.schemes.scheme import EventScheme, Setting


def followed(scheme: str, stage: str, setting: Setting) -> Model:
    """The model of an earlier stage that generates responses, for a scheme that generates responses itself.

    Raises:
        ComponentError: either of them generates none.
    """
    model = setting.earlier[stage]
    if not isinstance(model.target, Response) or isinstance(model.scheme, EventScheme):
        raise ComponentError(f"scheme {scheme!r} follows a stage that generates responses; stage {stage!r} does not")
    if len(setting.shape) != 2:
        raise ComponentError(f"scheme {scheme!r} generates responses: model.target must be 'response'")
    return model
