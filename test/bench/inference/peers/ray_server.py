"""Ray Serve with its own batching.   python ray_server.py PORT   (POST /)"""
import os
import sys
import time

import numpy as np
import ray
from ray import serve
from starlette.requests import Request

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": os.getcwd()}})
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})


@serve.deployment(num_replicas=1, max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.5})
class Model:
    def __init__(self, model, threads):
        os.environ.update(MODEL=model, THREADS=threads)
        from session import open_session, output_names

        self.session = open_session()
        self.names = output_names(self.session)

    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0.005)
    async def run(self, feeds: list) -> list:
        arrays = self.session.run(None, {k: np.concatenate([f[k] for f in feeds]) for k in feeds[0]})
        return [[a[i : i + 1] for a in arrays] for i in range(len(feeds))]

    async def __call__(self, request: Request):
        from session import answer_of, feed_of

        body = await request.json()
        return answer_of(self.names, await self.run(feed_of(body["inputs"])))


serve.run(Model.bind(os.environ["MODEL"], os.environ.get("THREADS", "1")), route_prefix="/")
while True:
    time.sleep(3600)
