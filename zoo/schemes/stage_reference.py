"""How a scheme's config names an earlier stage of the experiment."""

from __future__ import annotations

from typing import Annotated


class StageReference:
    """Marks a field whose value must be the name of an earlier stage; the recipe checks that it is."""


StageName = Annotated[str, StageReference()]
