# What the Python client of Triton reads of a model without inputs, which gives 1.5 and -2: over HTTP, gRPC and asyncio.
import asyncio, sys
import numpy as np
import tritonclient.grpc as grpc, tritonclient.http as http
import tritonclient.grpc.aio as grpc_aio, tritonclient.http.aio as http_aio
http_url, grpc_url, key, name = sys.argv[1:5]
# The client writes into the headers that it is given: a new dictionary for every call.
headers = lambda: {'authorization': 'Bearer ' + key}
def same(result, what):
  got = result.as_numpy('y')
  assert got.dtype == np.float32 and got.tolist() == [1.5, -2.0], (what, got)
  print('ok', what)
for kind, url in ((http, http_url), (grpc, grpc_url)):
  with kind.InferenceServerClient(url) as client:
    same(client.infer(name, [], headers=headers()), kind.__name__)
async def later():
  for kind, url in ((http_aio, http_url), (grpc_aio, grpc_url)):
    async with kind.InferenceServerClient(url) as client:
      same(await client.infer(name, [], headers=headers()), kind.__name__)
asyncio.run(later())
