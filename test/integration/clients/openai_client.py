# What the Python client of OpenAI does: models, embeddings, completions and conversations, whole and as streams, plain and in
# asyncio.
import asyncio, sys
import openai

url, key, kind = sys.argv[1:4]
client = openai.OpenAI(base_url=url + '/v1', api_key=key, max_retries=0)
names = [model.id for model in client.models.list()]
assert names == [kind], names
assert client.models.retrieve(kind).id == kind
try:
  openai.OpenAI(base_url=url + '/v1', api_key='wrong', max_retries=0).models.list()
  assert False
except openai.AuthenticationError as error:
  assert error.code == 'LNMT8001', error

if kind == 'tiny-embed':
  one = client.embeddings.create(model=kind, input='the cat').data[0].embedding
  several = client.embeddings.create(model=kind, input=['the cat', 'the dog'], encoding_format='float').data
  assert [entry.index for entry in several] == [0, 1]
  assert max(abs(a - b) for a, b in zip(one, several[0].embedding)) < 1e-6
  assert one != several[1].embedding
  print('ok embeddings', len(one))
else:
  messages = [{'role': 'user', 'content': 'the cat sat'}]
  options = dict(model=kind, max_tokens=6, temperature=0)
  whole = client.completions.create(prompt='the cat', **options)
  assert whole.choices[0].finish_reason == 'length' and whole.usage.completion_tokens == 6, whole
  parts = [part.choices[0].text for part in client.completions.create(prompt='the cat', stream=True, **options) if part.choices]
  assert ''.join(parts) == whole.choices[0].text, (parts, whole)
  chat = client.chat.completions.create(messages=messages, **options)
  assert chat.choices[0].message.role == 'assistant' and chat.usage.completion_tokens == 6, chat
  stream = client.chat.completions.create(messages=messages, stream=True, stream_options={'include_usage': True}, **options)
  parts = list(stream)
  assert ''.join(part.choices[0].delta.content or '' for part in parts if part.choices) == chat.choices[0].message.content
  assert parts[-1].usage.completion_tokens == 6, parts[-1]
  try:
    client.chat.completions.create(messages=messages, model=kind, temperature=9)
    assert False
  except openai.BadRequestError as error:
    assert error.param == 'temperature', error

  async def later():
    many = openai.AsyncOpenAI(base_url=url + '/v1', api_key=key, max_retries=0)
    answers = await asyncio.gather(*(many.chat.completions.create(messages=messages, **options) for _ in range(4)))
    assert {answer.choices[0].message.content for answer in answers} == {chat.choices[0].message.content}
    await many.close()
  asyncio.run(later())
  print('ok answers', whole.choices[0].text)
