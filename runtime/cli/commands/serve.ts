import type { Command } from 'commander';
import { CLI_ENV, PATHS } from '../../contract';
import { badInvocation, unusableIdentifier } from '../errors';
import type { Io } from '../io';
import { note, progress, say } from '../io';
import type { ServeSession, ServeSettings } from '../serve/session';

interface ServeOptions {
  readonly host: string;
  readonly port?: string;
  readonly grpcPort?: string;
  readonly name?: string;
  readonly version?: string;
  readonly workers?: string;
  readonly apiKeys?: string;
  readonly watch?: boolean;
  readonly json?: boolean;
}

const LOOPBACK = '127.0.0.1';
const VERSION_PATTERN = /^[1-9][0-9]{0,8}$/;

const EXAMPLES = `
PATH is an ONNX file, a folder with model.onnx, or a folder with NAME/VERSION/model.onnx as \`lnmt model push\` and Triton
have it. Files are copied to a temporary folder (TMPDIR), which is removed at the end. Only this machine reaches the server, without a
key; with --api-keys only holders of a key do, and --host may be an address that others reach. Settings of the server
(LNMT_MAX_BATCH_SIZE and so on) are taken from the environment. Ctrl-C lets requests in flight end; a second one does not.

Examples:
  lnmt serve model.onnx                      print a curl line that works, serve until Ctrl-C
  lnmt serve digits.onnx --watch             serve the next version beside the old one when the file changes
  lnmt serve models/ --port 9000 --grpc-port 9001
  lnmt keys create me --file keys.json && lnmt serve model.onnx --host 0.0.0.0 --api-keys keys.json`;

/** Adds `lnmt serve`. */
export function registerServe(program: Command, io: Io): void {
  program
    .command('serve')
    .description('Serve ONNX files: one command from file to endpoint, until Ctrl-C.')
    .argument('<path...>', 'ONNX files or folders')
    .option('--host <address>', 'address to listen on; others than loopback need --api-keys', LOOPBACK)
    .option('--port <number>', 'HTTP port, 0 for any (default: the server’s, or the next that is free)')
    .option('--grpc-port <number>', 'also speak gRPC there, 0 for any')
    .option('--name <name>', 'name of the model (default: from the file)')
    .option('--version <number>', 'version of the model (default: 1, or what the repository says)')
    .option('--workers <number>', 'sessions beside one another (default: measured)')
    .option('--api-keys <file>', 'answer holders of these keys only; see `lnmt keys create`')
    .option('--watch', 'load a model again when its files change')
    .option('--json', 'print one line of JSON when ready')
    .addHelpText('after', EXAMPLES)
    .action((places: readonly string[], options: ServeOptions) => serve(io, places, options));
}

function portOf(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port <= 65_535) return port;
  throw badInvocation(`${option} is no port`, value, 'write a whole number up to 65535, 0 for any');
}

function settingsOf(places: readonly string[], options: ServeOptions): ServeSettings {
  const { name, version, workers, apiKeys } = options;
  // Brackets are of URLs: addresses have none.
  const host = options.host.replace(/^\[(.*)\]$/, '$1');
  if (host === '') throw badInvocation('--host is empty', undefined, 'name an address, or drop --host');
  if (version !== undefined && !VERSION_PATTERN.test(version)) {
    throw unusableIdentifier('the version', version, VERSION_PATTERN);
  }
  if (workers !== undefined && !/^([1-9]\d?|1\d\d|2[0-4]\d|25[0-6])$/.test(workers)) {
    throw badInvocation('--workers is no number of sessions', workers, 'write a whole number from 1 to 256');
  }
  const port = portOf('--port', options.port);
  const grpcPort = portOf('--grpc-port', options.grpcPort);
  return {
    ...{ places, host, watch: options.watch ?? false },
    ...(port === undefined ? {} : { port }),
    ...(grpcPort === undefined ? {} : { grpcPort }),
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(workers === undefined ? {} : { workers }),
    ...(apiKeys === undefined ? {} : { apiKeys }),
  };
}

async function serve(io: Io, places: readonly string[], options: ServeOptions): Promise<void> {
  const began = performance.now();
  const settings = settingsOf(places, options);
  const { ServeSession: SessionClass } = await import('../serve/session.js');
  const interruption = new AbortController();
  let session: ServeSession | undefined;
  // From before there is anything that would stay behind.
  const stopListening = io.onInterrupt(() => {
    if (interruption.signal.aborted) session?.hurry();
    else note(io, 'ending; press Ctrl-C again to end at once');
    interruption.abort();
  });
  try {
    session = await SessionClass.start(io, settings, interruption.signal);
    if (session === undefined) return;
    progress(io, `loading ${session.models.map(({ name }) => name).join(', ')}`);
    const interrupted = new Promise<void>((resolve) => interruption.signal.addEventListener('abort', () => resolve()));
    await Promise.race([session.ready(interruption.signal), interrupted]);
    if (!interruption.signal.aborted) await announce(io, session, options, began);
    await Promise.race([session.gone(), interruption.signal.aborted ? undefined : interrupted]);
  } finally {
    const whole = await session?.close();
    if (interruption.signal.aborted && whole === false) note(io, 'requests in flight were cut');
    stopListening();
  }
}

async function announce(io: Io, session: ServeSession, options: ServeOptions, began: number): Promise<void> {
  const { describeServed } = await import('../serve/describe.js');
  const { url, ports, access } = session;
  const served = await describeServed(session);
  const seconds = Math.round(performance.now() - began) / 1000;
  const openapi = url + PATHS.openapi;
  const metrics = `${url.replace(/:\d+$/, `:${ports.metrics}`)}${PATHS.metrics}`;
  if (options.json) {
    const grpc = ports.grpc === undefined ? {} : { grpc: `${url.replace(/^http:\/\/|:\d+$/g, '')}:${ports.grpc}` };
    const rest = { ready: true, seconds, auth: access.file === undefined ? 'none' : 'api-keys', models: served };
    say(io, JSON.stringify({ url, openapi, metrics, ...grpc, ...rest }));
    return;
  }
  for (const { name, versions, inputs, outputs, curl } of served) {
    say(io, `${name}, version ${versions.join(', ')}: ${inputs.join(', ')} -> ${outputs.join(', ')}`);
    say(io, curl ?? '  no request of zeros, ones or plain text suits it; make one from its signature');
    say(io);
  }
  say(io, `serving at ${url}, described at ${openapi}, metrics at ${metrics}`);
  if (ports.grpc !== undefined) say(io, `gRPC at port ${ports.grpc}`);
  if (access.file === undefined) say(io, 'anyone on this machine may call, without a key');
  else say(io, `callers need a key of ${options.apiKeys}; put it into ${CLI_ENV.apiKey.name} for the line above`);
  note(io, `ready in ${seconds.toFixed(1)} s, the first answer included; Ctrl-C ends it`);
}
