import fs from 'node:fs';
import path from 'node:path';
import { App } from 'cdktf';
import { buildTarget } from '../../../../examples/quickstart/app';
import { readManifests } from '../../../../runtime/cli/dev/manifests';
import type { Manifest } from '../../../../runtime/cli/dev/manifests';
import { readOutput } from '../../../../runtime/cli/synth/output';
import { scratch } from '../support';

const outputs = new Map<string, string>();

/** Where the quickstart is synthesized for a target: once a test file, so that nobody may write there. */
export function quickstartOutput(target: string): string {
  const known = outputs.get(target);
  if (known !== undefined) return known;
  const outdir = scratch();
  const app = new App({ outdir });
  buildTarget(app, target);
  app.synth();
  outputs.set(target, outdir);
  return outdir;
}

/** A copy of that output whose probes ask every second, for tests that wait for them. */
export function impatientOutput(target: string): string {
  const copy = scratch();
  fs.cpSync(quickstartOutput(target), copy, { recursive: true });
  for (const file of fs.readdirSync(copy, { recursive: true, encoding: 'utf8' })) {
    if (!/templates\/deployment.*\.yaml$/i.test(file)) continue;
    const text = fs.readFileSync(path.join(copy, file), 'utf8');
    fs.writeFileSync(path.join(copy, file), text.replaceAll(/periodSeconds: \d+/g, 'periodSeconds: 1'));
  }
  return copy;
}

/** Every object of an output. */
export function objectsOf(outdir: string): readonly Manifest[] {
  return readOutput(outdir).flatMap(({ delivery }) => (delivery ? readManifests(outdir, delivery) : []));
}

/**
 * A server that can be told to misbehave, on the ports of HTTP and of metrics: `/crash`, `/sick`, `/env`, `/spawn` (starts a child that ignores everything). With
 * `STUBBORN` it ignores SIGTERM, with `LATE` it is never started.
 */
const TOY = `
const http = require('node:http');
const { spawn } = require('node:child_process');
let sick = false;
const take = (request, response) => {
  const answer = (code, text = '') => { response.statusCode = code; response.end(text); };
  if (request.url === '/crash') process.exit(1);
  if (request.url === '/sick') { sick = true; return answer(200); }
  if (request.url === '/env') return answer(200, JSON.stringify({ env: process.env, argv: process.argv.slice(2), pid: process.pid, cwd: process.cwd() }));
  if (request.url === '/spawn') {
    const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    return answer(200, String(child.pid));
  }
  if (request.url.endsWith('startup') && process.env.LATE) return answer(503);
  answer(sick ? 500 : 200);
};
if (process.env.WRONG) process.exit(2);
const host = process.env.LNMT_BIND_ADDRESS;
http.createServer(take).listen(Number(process.env.LNMT_HTTP_PORT), host, () => console.log('listening'));
if (process.env.LNMT_METRICS_PORT) http.createServer(take).listen(Number(process.env.LNMT_METRICS_PORT), host);
process.on('SIGTERM', () => { console.log('told to end'); if (!process.env.STUBBORN) process.exit(0); });
`;

/** Writes the toy server and says where. */
export function toyServer(): string {
  const file = path.join(scratch(), 'toy.js');
  fs.writeFileSync(file, TOY);
  return file;
}

/** A project whose `@lnmt/inference` is the toy server. */
export function toyProject(): string {
  const project = scratch();
  const folder = path.join(project, 'node_modules/@lnmt/inference');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(project, 'package.json'), '{}');
  fs.writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name: '@lnmt/inference', bin: { 'lnmt-inference': 'toy.js' } }),
  );
  fs.writeFileSync(path.join(folder, 'toy.js'), TOY);
  return project;
}
