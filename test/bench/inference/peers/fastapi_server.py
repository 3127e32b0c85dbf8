"""FastAPI: `/v2/models/m/infer` with pydantic models, as most people write it, and `/tuned` with orjson or binary tensors.

uvicorn fastapi_server:app --port PORT
"""
import numpy as np
import orjson
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from session import TYPES, answer_of, feed_of, open_session, output_names

LENGTH = "inference-header-content-length"
session = open_session()
names = output_names(session)
app = FastAPI()


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float] | list[int]


class InferRequest(BaseModel):
    id: str | None = None
    inputs: list[Tensor]


@app.post("/v2/models/m/infer")
def infer(request: InferRequest):
    feed = {i.name: np.array(i.data, dtype=TYPES[i.datatype]).reshape(i.shape) for i in request.inputs}
    return answer_of(names, session.run(None, feed))


def binary_feed(head, body, offset):
    feed = {}
    for tensor in head["inputs"]:
        size = tensor["parameters"]["binary_data_size"]
        kind = np.dtype(TYPES[tensor["datatype"]])
        feed[tensor["name"]] = np.frombuffer(body, kind, size // kind.itemsize, offset).reshape(tensor["shape"])
        offset += size
    return feed


@app.post("/tuned")
async def tuned(request: Request):
    body = await request.body()
    length = request.headers.get(LENGTH)
    if length is None:
        arrays = session.run(None, feed_of(orjson.loads(body)["inputs"]))
        return Response(orjson.dumps(answer_of(names, arrays)), media_type="application/json")
    head = orjson.loads(body[: int(length)])
    arrays = session.run(None, binary_feed(head, body, int(length)))
    outputs = [
        {"name": n, "datatype": "FP32", "shape": a.shape, "parameters": {"binary_data_size": a.nbytes}}
        for n, a in zip(names, arrays)
    ]
    text = orjson.dumps({"model_name": "m", "outputs": outputs})
    return Response(
        text + b"".join(a.tobytes() for a in arrays),
        media_type="application/octet-stream",
        headers={LENGTH: str(len(text))},
    )
