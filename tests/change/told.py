"""What is told of model files."""

import pytest

from app.change.model_document import read_document
from app.errors import ModelInvalid


def fault_of(text: str, name: str = "f") -> ModelInvalid:
    """Why a file is refused."""
    with pytest.raises(ModelInvalid) as caught:
        read_document(text, name)
    return caught.value
