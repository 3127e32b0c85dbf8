"""LitServe.   python litserve_server.py PORT   (BATCH: largest batch)"""
import os
import sys

import litserve
import numpy as np

from session import answer_of, feed_of, open_session, output_names

BATCH = int(os.environ.get("BATCH", "1"))


class Onnx(litserve.LitAPI):
    def setup(self, device):
        self.session = open_session()
        self.names = output_names(self.session)

    def decode_request(self, request):
        return feed_of(request["inputs"])

    def batch(self, feeds):
        return {k: np.concatenate([f[k] for f in feeds]) for k in feeds[0]}

    def predict(self, feed):
        return self.session.run(None, feed)

    def unbatch(self, arrays):
        return [[a[i : i + 1] for a in arrays] for i in range(len(arrays[0]))]

    def encode_response(self, arrays):
        return answer_of(self.names, arrays)


if __name__ == "__main__":
    api = Onnx(max_batch_size=BATCH, batch_timeout=0.005 if BATCH > 1 else 0, api_path="/v2/models/m/infer")
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, generate_client_file=False)
