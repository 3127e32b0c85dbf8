"""KServe's Python server with a custom model, without access log.   python kserve_server.py PORT"""
import logging
import sys
import uuid

port = int(sys.argv.pop(1))
# The library reads the arguments of the process when it is imported.
import kserve.model_server as model_server
from kserve import InferOutput, InferResponse, Model

from session import open_session, output_names


class LocalServer(model_server.RESTServer):
    """Listens on this machine only, for which the library has no setting."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.config.host = "127.0.0.1"
        self.config.access_log = False


class Onnx(Model):
    def load(self):
        self.session = open_session()
        self.names = output_names(self.session)
        self.ready = True

    def predict(self, payload, headers=None):
        arrays = self.session.run(None, {i.name: i.as_numpy() for i in payload.inputs})
        outputs = []
        for name, array in zip(self.names, arrays):
            output = InferOutput(name=name, shape=list(array.shape), datatype="FP32")
            output.set_data_from_numpy(array, binary_data=False)
            outputs.append(output)
        return InferResponse(response_id=payload.id or str(uuid.uuid4()), model_name=self.name, infer_outputs=outputs)


if __name__ == "__main__":
    for name in ("kserve", "kserve.trace", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
    model_server.RESTServer = LocalServer
    model = Onnx("m")
    model.load()
    model_server.ModelServer(http_port=port, enable_grpc=False, enable_latency_logging=False).start([model])
