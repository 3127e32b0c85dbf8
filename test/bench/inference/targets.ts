import type { Limit, Row, Target } from './report';

/** What the targets are computed from. */
export interface Measurements {
  readonly rows: readonly Row[];
  readonly limits: readonly Limit[];
  /** 99th percentile of `/health` while BERT ran, in milliseconds. */
  readonly healthMs: number | undefined;
  /** 99th percentile of the delay of the server’s event loop while BERT ran, in milliseconds. */
  readonly delayMs: number | undefined;
  readonly modelMegabytes: ReadonlyMap<string, number>;
  readonly workers: ReadonlyMap<string, number>;
}

type Wanted = { readonly least: number } | { readonly most: number };

function target(what: string, wanted: Wanted, measured: number | undefined): Target {
  const [text, met] =
    'least' in wanted
      ? [`≥ ${wanted.least}`, (value: number) => value >= wanted.least]
      : [`≤ ${wanted.most}`, (value: number) => value <= wanted.most];
  const known = measured !== undefined && Number.isFinite(measured);
  return { what, wanted: text, measured: known ? measured : undefined, met: known ? met(measured) : undefined };
}

const over = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? undefined : a / b;

const best = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
};

/** The targets that the project set itself, from what was measured. */
export function targetsOf({ rows, limits, healthMs, delayMs, modelMegabytes, workers }: Measurements): Target[] {
  const row = (model: string, server: string, connections: number): Row | undefined =>
    rows.find((each) => each.model === model && each.server === server && each.connections === connections);
  const rate = (model: string, server: string, connections: number): number | undefined =>
    row(model, server, connections)?.perSecond;
  const mlp = (server: string): number | undefined => rate('mlp', server, 32);
  const cpu = (server: string): number | undefined => row('mlp', server, 32)?.cpuMs;
  const spread = (model: string, server: string): number | undefined =>
    over(row(model, server, 32)?.p99, row(model, server, 32)?.p50);
  const limit = (model: string): number | undefined =>
    best(limits.filter((each) => each.model === model).map(({ perSecond }) => perSecond));
  const single = limits.find(({ model, setting }) => model === 'mlp' && setting.endsWith('batch 1'))?.median;
  const idle = row('mlp', 'LNMT, binary', 1)?.p50;
  const resident = (model: string): number | undefined => {
    const held = best(
      rows.filter((each) => each.model === model && each.server.startsWith('LNMT')).map((each) => each.megabytes),
    );
    return over(held, 220 + 1.7 * (modelMegabytes.get(model) ?? 0) * (workers.get(model) ?? 1));
  };
  return [
    target(
      'MLP, 32 connections: JSON over FastAPI with pydantic',
      { least: 6 },
      over(mlp('LNMT, JSON'), mlp('FastAPI, pydantic')),
    ),
    target('MLP, 32: JSON over FastAPI with orjson', { least: 2.3 }, over(mlp('LNMT, JSON'), mlp('FastAPI, orjson'))),
    target(
      'MLP, 32: binary over FastAPI with pydantic',
      { least: 12 },
      over(mlp('LNMT, binary'), mlp('FastAPI, pydantic')),
    ),
    target('MLP, 32: binary over FastAPI binary', { least: 4 }, over(mlp('LNMT, binary'), mlp('FastAPI, binary'))),
    target(
      'MLP, 32: JSON over the best MLServer',
      { least: 5 },
      over(mlp('LNMT, JSON'), best([mlp('MLServer'), mlp('MLServer, batch 16')])),
    ),
    target('MLP, 32: JSON over Ray Serve', { least: 25 }, over(mlp('LNMT, JSON'), mlp('Ray Serve'))),
    target(
      'MLP, 32: processor time of an empty POST over that of binary',
      { least: 0.38 },
      over(cpu('empty POST, binary'), cpu('LNMT, binary')),
    ),
    ...[['JSON', 0.93] as const, ['binary', 0.85] as const].map(([form, least]) =>
      target(
        `MLP, 32: ${form} with keys and a rate over without`,
        { least },
        over(mlp(`LNMT, ${form}`), mlp(`LNMT, ${form}, open`)),
      ),
    ),
    ...[['JSON', 0.5] as const, ['binary', 0.55] as const].map(([form, least]) =>
      target(
        `MLP, 32: processor time of an empty POST over that of a cache hit, ${form}`,
        { least },
        over(cpu(`empty POST, ${form === 'JSON' ? 'json' : form}`), cpu(`LNMT, ${form}, cached`)),
      ),
    ),
    target('MLP, 32: p99 over p50, binary', { most: 3.5 }, spread('mlp', 'LNMT, binary')),
    target('MiniLM, 32: p99 over p50', { most: 1.8 }, spread('minilm', 'LNMT, JSON')),
    target(
      'MLP, 1: p50 of JSON over FastAPI with orjson',
      { most: 1.1 },
      over(row('mlp', 'LNMT, JSON', 1)?.p50, row('mlp', 'FastAPI, orjson', 1)?.p50),
    ),
    target('MLP, 1: p50 of binary over FastAPI binary', { most: 1 }, over(idle, row('mlp', 'FastAPI, binary', 1)?.p50)),
    target(
      'MLP, 1: wait added to a run when idle, binary, ms',
      { most: 0.4 },
      idle === undefined || single === undefined ? undefined : idle - single,
    ),
    target(
      'MiniLM, 8: share of `session.run` alone',
      { least: 0.92 },
      over(rate('minilm', 'LNMT, JSON', 8), limit('minilm')),
    ),
    target(
      'MiniLM, 32: share of `session.run` alone',
      { least: 0.92 },
      over(rate('minilm', 'LNMT, JSON', 32), limit('minilm')),
    ),
    target(
      'MiniLM, 8: over FastAPI',
      { least: 1.12 },
      over(rate('minilm', 'LNMT, JSON', 8), rate('minilm', 'FastAPI, pydantic', 8)),
    ),
    target(
      'MiniLM, 1: p50 with one worker over FastAPI',
      { most: 1.05 },
      over(row('minilm', 'LNMT, JSON, one worker', 1)?.p50, row('minilm', 'FastAPI, pydantic', 1)?.p50),
    ),
    target(
      'BERT, 8: share of `session.run` alone',
      { least: 0.92 },
      over(rate('bert', 'LNMT, JSON', 8), limit('bert')),
    ),
    target(
      'BERT INT8, 8: share of `session.run` alone',
      { least: 0.92 },
      over(rate('bert_int8', 'LNMT, JSON', 8), limit('bert_int8')),
    ),
    target(
      'BERT, 8: INT8 over FP32',
      { least: 2.2 },
      over(rate('bert_int8', 'LNMT, JSON', 8), rate('bert', 'LNMT, JSON', 8)),
    ),
    target('p99 of /health while BERT runs, ms', { most: 10 }, healthMs),
    target('p99 of the delay of the event loop while BERT runs, ms', { most: 5 }, delayMs),
    ...['mlp', 'minilm', 'bert'].map((model) =>
      target(`${model}: memory over 220 MB + 1.7 × model × workers`, { most: 1 }, resident(model)),
    ),
  ];
}
