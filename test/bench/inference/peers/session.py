"""The onnxruntime session that every peer serves. From the environment: MODEL (file), THREADS (of one run)."""
import os

import numpy as np
import onnxruntime

TYPES = {"FP32": np.float32, "INT64": np.int64}


def open_session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])


def output_names(session):
    return [output.name for output in session.get_outputs()]


def feed_of(inputs):
    """Inputs of a v2 JSON request as arrays."""
    return {i["name"]: np.array(i["data"], dtype=TYPES[i["datatype"]]).reshape(i["shape"]) for i in inputs}


def answer_of(names, arrays):
    """Arrays as a v2 JSON answer."""
    outputs = [
        {"name": name, "datatype": "FP32", "shape": list(array.shape), "data": array.ravel().tolist()}
        for name, array in zip(names, arrays)
    ]
    return {"model_name": "m", "outputs": outputs}
