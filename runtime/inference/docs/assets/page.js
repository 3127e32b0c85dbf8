'use strict';
// Draws the description and tries its operations. Text goes into the page as text only: nothing here reads markup.
(() => {
  const DEPTH = 5;
  const SHOWN = 200_000;
  const byId = (id) => document.getElementById(id);

  function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (typeof value === 'function') element.addEventListener(name, value);
      else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
    }
    element.append(...children.flat().filter((child) => child !== undefined && child !== null));
    return element;
  }

  let description;
  let current;

  const resolve = (schema) => {
    const name = schema?.$ref?.split('/').pop();
    return name === undefined ? schema : { ...description.components.schemas[name], title: name };
  };

  /** A value that the schema allows, to begin with. */
  function example(given, depth = 0) {
    const schema = resolve(given) ?? {};
    if (schema.const !== undefined) return schema.const;
    if (schema.enum) return schema.enum.includes('FP32') ? 'FP32' : schema.enum[0];
    if (schema.anyOf) return example(schema.anyOf[0], depth);
    const [type] = [schema.type].flat();
    if (depth > DEPTH) return null;
    if (type === 'object') {
      const entries = Object.entries(schema.properties ?? {});
      const wanted = entries.filter(
        ([name]) => schema.required?.includes(name) || name === 'data' || name === 'variables',
      );
      return Object.fromEntries(wanted.map(([name, value]) => [name, example(value, depth + 1)]));
    }
    if (type === 'array') return schema.items ? [example(schema.items, depth + 1)] : [0];
    if (type === 'integer' || type === 'number') return Math.max(schema.minimum ?? 0, 0);
    return type === 'boolean' ? false : type === 'string' ? '' : null;
  }

  /** A schema as an indented outline. */
  function outline(given, indent = '', depth = 0) {
    const schema = resolve(given) ?? {};
    const more = [schema.description, bounds(schema)].filter(Boolean).join(' ');
    const note = more === '' ? '' : `  // ${more}`;
    if (depth > DEPTH) return '…';
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.anyOf) return schema.anyOf.map((each) => outline(each, indent, depth + 1)).join(' | ');
    const type = [schema.type ?? 'any'].flat().join(' | ');
    if (type === 'array') return `[${schema.items ? outline(schema.items, indent, depth + 1) : 'any'}]${note}`;
    if (type !== 'object' || !schema.properties) return `${type}${note}`;
    const lines = Object.entries(schema.properties).map(([name, value]) => {
      const optional = schema.required?.includes(name) ? '' : '?';
      return `${indent}  ${name}${optional}: ${outline(value, `${indent}  `, depth + 1)}`;
    });
    return `{\n${lines.join('\n')}\n${indent}}`;
  }

  function bounds({ minimum, maximum, minLength, maxLength, minItems, maxItems }) {
    const range = (low, high, unit) =>
      low === undefined && high === undefined ? [] : [`${low ?? '…'} to ${high ?? '…'}${unit}`];
    return [
      ...range(minimum, maximum, ''),
      ...range(minLength, maxLength, ' characters'),
      ...range(minItems, maxItems, ' entries'),
    ].join(', ');
  }

  const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:true|false|null)\b/g;

  /** Text in colours, where it is short enough to colour. */
  function coloured(text) {
    const pre = h('pre', { tabindex: 0 });
    if (text.length > SHOWN / 4) {
      pre.append(text.length > SHOWN ? `${text.slice(0, SHOWN)}\n… ${text.length - SHOWN} more characters` : text);
      return pre;
    }
    let place = 0;
    for (const found of text.matchAll(TOKEN)) {
      const [whole, quoted, colon] = found;
      const kind = quoted ? (colon ? 'name' : 'string') : /^[a-z]/.test(whole) ? 'word' : 'number';
      pre.append(text.slice(place, found.index), h('span', { class: kind }, quoted ?? whole), colon ?? '');
      place = found.index + whole.length;
    }
    pre.append(text.slice(place));
    return pre;
  }

  /** JSON with indents. The text itself is indented and not its values, which would lose digits of large integers. */
  function pretty(text) {
    try {
      JSON.parse(text);
    } catch {
      return text;
    }
    let indent = '';
    return text.replace(/"(?:[^"\\]|\\.)*"|\s+|\[[-+\d.eE,\s]*\]|\[\]|\{\}|[{[]|[}\]]|[:,]|[^\s"{}[\]:,]+/g, (part) => {
      if (/^\s/.test(part)) return '';
      // A list of numbers stays on one line.
      if (part.length > 1 && part.startsWith('[')) return part.replace(/,\s*/g, ', ');
      if (part === '{' || part === '[') return `${part}\n${(indent += '  ')}`;
      if (part === '}' || part === ']') return `\n${(indent = indent.slice(2))}${part}`;
      return part === ',' ? `,\n${indent}` : part === ':' ? ': ' : part;
    });
  }

  const access = (operation) => operation['x-lnmt-access'];
  const NEEDS = {
    public: 'open to anyone',
    caller: 'any valid credential',
    infer: 'scope infer',
    read: 'scope read',
    manage: 'scope manage',
  };

  function operations() {
    return Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
    );
  }

  function groupOf({ path, tags }) {
    return tags?.[0] ?? path.split('/')[1] ?? 'other';
  }

  function drawList() {
    const words = byId('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
    const groups = new Map();
    for (const each of operations()) {
      const text = `${each.method} ${each.path} ${each.summary} ${each.operationId}`.toLowerCase();
      if (!words.every((word) => text.includes(word))) continue;
      groups.set(groupOf(each), [...(groups.get(groupOf(each)) ?? []), each]);
    }
    const sections = [...groups].map(([name, entries], index) =>
      h(
        'section',
        { 'aria-labelledby': `group-${index}` },
        h('h2', { id: `group-${index}` }, name),
        h('ul', {}, entries.map(link)),
      ),
    );
    byId('list').replaceChildren(
      ...(sections.length > 0
        ? sections
        : [h('p', { class: 'note', role: 'status' }, 'No operation has these words.')]),
    );
  }

  function link({ operationId, method, path, summary }) {
    const mark = h('span', { class: `method ${method.toLowerCase()}` }, method);
    return h(
      'li',
      {},
      h(
        'a',
        { href: `#${operationId}`, title: summary, 'aria-current': current?.operationId === operationId && 'true' },
        mark,
        path,
      ),
    );
  }

  function inputs({ parameters = [] }) {
    return parameters.map((parameter) => {
      const id = `${parameter.in}-${parameter.name}`;
      const input = h('input', {
        ...{ id, class: 'mono', required: parameter.required === true, spellcheck: 'false', autocomplete: 'off' },
        'data-in': parameter.in,
        'data-name': parameter.name,
        'aria-describedby': `${id}-note`,
      });
      const note = parameter.description ?? (parameter.required ? 'part of the path' : 'optional');
      return h(
        'div',
        { class: 'field' },
        h('label', { for: id }, parameter.name),
        input,
        h('small', { id: `${id}-note` }, note),
      );
    });
  }

  function draw(operation) {
    current = operation;
    const { method, path, summary, requestBody } = operation;
    const schema = requestBody?.content['application/json']?.schema;
    const body =
      schema && h('textarea', { id: 'body', spellcheck: 'false', 'aria-label': 'Body of the request, JSON' });
    if (body) body.value = JSON.stringify(example(schema), null, 2);
    const result = h('div', { id: 'result', 'aria-live': 'polite' });
    const send = h('button', { class: 'main', type: 'submit' }, 'Send');
    const copy = h('button', { type: 'button', click: () => copyCurl(copy) }, 'Copy as curl');
    const submit = (event) => {
      event.preventDefault();
      void attempt(send, result);
    };
    const mark = h('span', { class: `method ${method.toLowerCase()}` }, method);
    byId('operation').replaceChildren(
      h(
        'section',
        { class: 'card' },
        h('h2', {}, summary),
        h('div', { class: 'path' }, mark, h('span', {}, path)),
        h(
          'div',
          { class: 'badges' },
          h('span', { class: 'badge' }, 'Needs: ', h('b', {}, NEEDS[access(operation)] ?? '')),
          h('span', { class: 'badge' }, 'Id: ', h('b', {}, operation.operationId)),
        ),
      ),
      h(
        'section',
        { class: 'card' },
        h('h3', {}, 'Try it'),
        h('form', { submit, autocomplete: 'off' }, inputs(operation), body, h('div', { class: 'actions' }, send, copy)),
      ),
      result,
      schema ? h('section', { class: 'card' }, h('h3', {}, 'Request body'), coloured(outline(schema))) : undefined,
      h('section', { class: 'card' }, h('h3', {}, 'Answers'), answers(operation)),
    );
    drawList();
  }

  function answers({ responses }) {
    const rows = Object.entries(responses).map(([status, response]) => {
      const types = Object.keys(response.content ?? {});
      const schema = response.content?.['application/json']?.schema;
      return h(
        'tr',
        {},
        h('th', { scope: 'row' }, status),
        h(
          'td',
          {},
          response.description,
          ' ',
          h('code', {}, types.join(', ')),
          status === '200' && schema
            ? h('details', {}, h('summary', {}, 'Form'), coloured(outline(schema)))
            : undefined,
        ),
      );
    });
    return h('table', {}, h('tbody', {}, rows));
  }

  /** The request that the fields make. */
  function asked() {
    const headers = {};
    let url = current.path;
    for (const input of document.querySelectorAll('main input[data-in]')) {
      const { name, in: place } = input.dataset;
      if (place === 'path') url = url.replace(`{${name}}`, encodeURIComponent(input.value));
      else if (input.value !== '') headers[name] = input.value;
    }
    const key = byId('key').value;
    if (key !== '') headers['x-api-key'] = key;
    const body = byId('body')?.value;
    if (body !== undefined && body.trim() !== '') headers['content-type'] = 'application/json';
    return { url, method: current.method, headers, body: body?.trim() === '' ? undefined : body };
  }

  async function attempt(button, result) {
    const { url, ...request } = asked();
    button.disabled = true;
    const started = performance.now();
    try {
      const response = await fetch(url, { ...request, credentials: 'omit', redirect: 'error', cache: 'no-store' });
      const bytes = await response.arrayBuffer();
      show(result, response, bytes, performance.now() - started);
    } catch (error) {
      result.replaceChildren(
        h('section', { class: 'card' }, h('h3', {}, 'No answer'), h('p', { class: 'bad' }, String(error))),
      );
    }
    button.disabled = false;
  }

  function show(result, response, bytes, took) {
    const type = response.headers.get('content-type') ?? '';
    const isText = /json|text|event-stream/.test(type);
    const text = isText ? new TextDecoder().decode(bytes) : '';
    const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    const shown =
      bytes.byteLength === 0
        ? h('p', { class: 'note' }, 'The body is empty.')
        : isText
          ? coloured(pretty(text))
          : h('p', { class: 'note' }, `${bytes.byteLength} bytes of ${type}`);
    result.replaceChildren(
      h(
        'section',
        { class: 'card', 'aria-label': 'Answer' },
        h(
          'div',
          { class: 'status' },
          h('b', { class: response.ok ? 'good' : 'bad', id: 'status' }, `${response.status} ${response.statusText}`),
          h(
            'span',
            { class: 'note' },
            `${took.toFixed(1)} ms · ${bytes.byteLength} bytes · ${type || 'no media type'}`,
          ),
        ),
        shown,
        h('details', {}, h('summary', {}, 'Headers'), h('pre', {}, headers)),
      ),
    );
  }

  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

  async function copyCurl(button) {
    const { url, method, headers, body } = asked();
    const lines = [`curl ${method === 'GET' ? '' : `-X ${method} `}${quoted(location.origin + url)}`];
    for (const [name, value] of Object.entries(headers)) {
      // The key stays out of clipboards and shell histories.
      lines.push(`-H ${name === 'x-api-key' ? '"x-api-key: $KEY"' : quoted(`${name}: ${value}`)}`);
    }
    if (body !== undefined) lines.push(`--data ${quoted(body)}`);
    try {
      await navigator.clipboard.writeText(lines.join(' \\\n  '));
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'The clipboard is closed to this page';
    }
    setTimeout(() => (button.textContent = 'Copy as curl'), 1_500);
  }

  function follow(event) {
    const id = decodeURIComponent(location.hash.slice(1));
    if (id === 'operation') return;
    const all = operations();
    draw(all.find(({ operationId }) => operationId === id) ?? all[0]);
    if (event !== undefined) byId('operation').focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }

  async function begin() {
    const response = await fetch(document.body.dataset.description, { credentials: 'omit' });
    description = await response.json();
    const { title, version, summary } = description.info;
    byId('title').replaceChildren(title, h('small', {}, version));
    byId('summary').textContent = summary;
    document.title = `${title}: operations`;
    follow();
    addEventListener('hashchange', follow);
  }

  byId('filter').addEventListener('input', drawList);
  byId('credential').addEventListener('submit', (event) => event.preventDefault());
  byId('show').addEventListener('click', () => {
    const shown = byId('key').type === 'text';
    byId('key').type = shown ? 'password' : 'text';
    byId('show').textContent = shown ? 'Show' : 'Hide';
    byId('show').setAttribute('aria-pressed', String(!shown));
  });
  begin().catch((error) => {
    byId('summary').textContent = `The description cannot be read: ${error}`;
  });
})();
