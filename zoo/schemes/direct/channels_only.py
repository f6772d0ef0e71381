"""What direct estimators are for."""

from __future__ import annotations

from zoo.errors import ComponentError
from zoo.schemes.scheme import Setting


def channel_count(scheme: str, setting: Setting) -> int:
    """The number of channel sums that a direct estimator gives.

    Raises:
        ComponentError: the target is none of channel sums.
    """
    if len(setting.shape) != 1:
        raise ComponentError(f"scheme {scheme!r} estimates channel sums: model.target must be 'channels'")
    return setting.shape[0]
