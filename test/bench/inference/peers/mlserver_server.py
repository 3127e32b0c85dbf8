"""MLServer in its fastest setting for small models: no worker process, no metrics, no compression.

python mlserver_server.py PORT   (gRPC on PORT + 1)
"""
import json
import os
import sys
import tempfile
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse

from session import open_session, output_names


class Onnx(MLModel):
    async def load(self):
        self.session = open_session()
        self.names = output_names(self.session)
        return True

    async def predict(self, payload):
        arrays = self.session.run(None, {i.name: NumpyCodec.decode_input(i) for i in payload.inputs})
        outputs = [NumpyCodec.encode_output(n, a) for n, a in zip(self.names, arrays)]
        return InferenceResponse(model_name=self.name, outputs=outputs)


def main(port):
    here = Path(__file__).resolve().parent
    folder = Path(tempfile.mkdtemp(prefix="mlserver-"))
    settings = {
        **{"host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "metrics_endpoint": None},
        **{"debug": False, "parallel_workers": 0, "gzip_enabled": False, "environments_dir": str(folder)},
    }
    batch = int(os.environ.get("BATCH", "0"))
    model = {"name": "m", "implementation": "mlserver_server.Onnx", "max_batch_size": batch, "max_batch_time": 0.005 if batch else 0}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    os.environ["PYTHONPATH"] = str(here)
    os.chdir(folder)
    program = str(Path(sys.executable).parent / "mlserver")
    os.execv(program, [program, "start", str(folder)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
