# What the Python client of Triton does, over HTTP with JSON and binary tensors, over gRPC and its streams, and in its asyncio
# forms: readiness, metadata, configuration, statistics, and inference that gives every value back.
import asyncio, queue, sys
import numpy as np
import tritonclient.grpc as grpc, tritonclient.http as http
from tritonclient.grpc import model_config_pb2
import tritonclient.grpc.aio as grpc_aio, tritonclient.http.aio as http_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype
http_url, grpc_url, key = sys.argv[1:4]
# The client writes into the headers that it is given: a new dictionary for every call.
class Fresh:
  @property
  def headers(self): return {'authorization': 'Bearer ' + key}
fresh = Fresh()
samples = {
  'fp32': np.array([[0.5, -3.0]], dtype=np.float32),
  'int64': np.array([[-2**63, 2**53 + 1]], dtype=np.int64),
  'bytes': np.array([['grüße'.encode(), b'']], dtype=np.object_),
  'fp16': np.array([[1.0, -2.0]], dtype=np.float16),
}
def tensors(kind, value, **form):
  given = kind.InferInput('x', list(value.shape), np_to_triton_dtype(value.dtype))
  given.set_data_from_numpy(value, **form)
  return [given]
def same(result, value, what):
  got = result.as_numpy('y')
  if got is not None and got.dtype == np.object_:
    # BYTES that came as JSON are texts.
    got = np.array([[x.encode() if isinstance(x, str) else x for x in row] for row in got], dtype=np.object_)
  assert got is not None and got.dtype == value.dtype and (got == value).all(), (what, got, value)
  print('ok', what)
name = sys.argv[4]
value = samples[name]
with http.InferenceServerClient(http_url) as client:
  assert client.is_server_live(headers=fresh.headers) and client.is_server_ready(headers=fresh.headers)
  assert client.is_model_ready(name, headers=fresh.headers)
  assert client.get_model_metadata(name, headers=fresh.headers)['inputs'][0]['name'] == 'x'
  assert client.get_server_metadata(headers=fresh.headers)['name'] == 'lnmt-inference'
  config = client.get_model_config(name, headers=fresh.headers)
  assert config['name'] == name and config['input'][0]['name'] == 'x' and config['platform'] == 'onnxruntime_onnx', config
  assert client.get_inference_statistics(name, headers=fresh.headers)['model_stats'][0]['name'] == name
  assert client.get_inference_statistics(headers=fresh.headers)['model_stats'][0]['version'] == '1'
  assert client.get_model_repository_index(headers=fresh.headers)[0]['state'] == 'READY'
  forms = [(True, True), (True, False)] if name == 'fp16' else [(True, True), (True, False), (False, True), (False, False)]
  for sent, wanted in forms:
    if name == 'fp16' and not wanted: continue
    outputs = [http.InferRequestedOutput('y', binary_data=wanted)]
    given = tensors(http, value, binary_data=sent)
    same(client.infer(name, given, outputs=outputs, headers=fresh.headers), value, f'http binary={sent},{wanted}')
  for algorithm in ('gzip', 'deflate'):
    given = tensors(http, value)
    same(client.infer(name, given, headers=fresh.headers, request_compression_algorithm=algorithm), value, algorithm)
  try:
    client.infer('nothing', tensors(http, value), headers=fresh.headers)
    assert False
  except InferenceServerException as error:
    assert 'not served here' in error.message(), error
with grpc.InferenceServerClient(grpc_url) as client:
  assert client.is_server_live() and client.is_server_ready()
  assert client.is_model_ready(name, headers=fresh.headers)
  assert client.get_model_metadata(name, headers=fresh.headers).inputs[0].name == 'x'
  same(client.infer(name, tensors(grpc, value), headers=fresh.headers, client_timeout=10), value, 'grpc')
  config = client.get_model_config(name, headers=fresh.headers).config
  assert config.name == name and config.backend == 'onnxruntime' and config.input[0].name == 'x', config
  dims = list(config.input[0].dims)
  assert dims == ([2] if config.max_batch_size > 0 else [-1, 2]), config
  assert config.input[0].data_type == getattr(model_config_pb2, 'TYPE_' + ('STRING' if name == 'bytes' else name.upper())), config
  stats = client.get_inference_statistics(name, headers=fresh.headers).model_stats[0]
  assert stats.name == name and stats.inference_stats.success.count >= 1 and stats.execution_count >= 1, stats
  assert stats.inference_stats.success.ns > 0 and stats.inference_stats.compute_infer.ns > 0 and stats.last_inference > 0, stats
  assert len(client.get_inference_statistics(headers=fresh.headers).model_stats) >= 1
  index = client.get_model_repository_index(headers=fresh.headers).models
  assert [(each.name, each.state) for each in index] == [(name, 'READY')], index
  # A stream: answers come in the order of the requests, and one that fails ends nothing.
  told = queue.Queue()
  client.start_stream(lambda result, error: told.put((result, error)), headers=fresh.headers)
  for turn in range(20):
    client.async_stream_infer('nothing' if turn == 7 else name, tensors(grpc, value), request_id=str(turn))
  for turn in range(20):
    result, error = told.get(timeout=20)
    if turn == 7: assert error is not None and 'not served here' in error.message(), error
    else:
      assert error is None and result.get_response().id == str(turn), (error, turn)
      same(result, value, 'grpc stream')
  client.stop_stream()
  try:
    client.infer(name, tensors(grpc, value), headers={'authorization': 'Bearer wrong'})
    assert False
  except InferenceServerException as error:
    assert error.status() == 'StatusCode.UNAUTHENTICATED', error
async def later():
  async with http_aio.InferenceServerClient(http_url) as client:
    same(await client.infer(name, tensors(http, value), headers=fresh.headers), value, 'http asyncio')
  async with grpc_aio.InferenceServerClient(grpc_url) as client:
    same(await client.infer(name, tensors(grpc, value), headers=fresh.headers), value, 'grpc asyncio')
    async def requests():
      for turn in range(5):
        yield {'model_name': name, 'inputs': tensors(grpc, value), 'request_id': str(turn)}
    turns = []
    async for result, error in client.stream_infer(requests(), headers=fresh.headers):
      assert error is None, error
      turns.append(result.get_response().id)
    assert turns == ['0', '1', '2', '3', '4'], turns
asyncio.run(later())
