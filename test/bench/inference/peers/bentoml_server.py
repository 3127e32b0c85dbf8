"""BentoML with its adaptive batching; a batchable API has a body of its own form (POST /predict).

bentoml serve bentoml_server:Onnx --port PORT
"""
from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import DType, Shape

from session import open_session


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Onnx:
    def __init__(self):
        self.session = open_session()

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=16, max_latency_ms=10_000)
    def predict(self, x: Annotated[np.ndarray, Shape((-1, 784)), DType("float32")]) -> np.ndarray:
        return self.session.run(None, {"x": x})[0]
