import type { Command } from 'commander';
import { CLI_ENV } from '../../contract';
import type { BenchOptions } from '../bench/options';
import { untilInterrupted } from '../interrupt';
import type { Io } from '../io';
import { note, say } from '../io';

const EXAMPLES = `
With --rate requests leave when they are due, whatever became of those before, and latency counts from when they were due: a
server that stalls is charged for everyone who came meanwhile. Without it, callers wait for their answers (closed loop),
which hides that. Requests are made from the metadata of the model with random values, or taken from --data: one JSON
document, a list, or one a line. An API key is read from ${CLI_ENV.apiKey.name}. Time and number of requests are always bounded.
Targets other than loopback need --yes-remote. Refusals do not count as latency; requests without an answer do.

Examples:
  lnmt bench http://127.0.0.1:8080 --rate 200                 open loop, 10 s, the only model there
  lnmt bench http://127.0.0.1:8080/v2/models/digits --concurrency 8 --binary
  lnmt bench http://127.0.0.1:8080 --sweep --slo 50 --html report.html
  lnmt bench http://127.0.0.1:8080/v1/embeddings --data texts.jsonl --rate 20 --arrivals poisson
  lnmt bench https://models.example.com --model digits --rate 50 --slo 100 --yes-remote --json > report.json`;

/** Adds `lnmt bench`. */
export function registerBench(program: Command, io: Io): void {
  const command = program
    .command('bench')
    .description('Put load on an endpoint and report latency, throughput and failures.')
    .argument('<url>', 'base URL of the endpoint, or the URL of a model')
    .option('--model <name>', 'model to ask (default: from the URL, else the only one)')
    .option('--rate <number>', 'requests per second (open loop); with --sweep, the first rate')
    .option('--arrivals <kind>', 'constant or poisson', 'constant')
    .option('--concurrency <number>', 'callers that wait for answers (closed loop; default: 1)')
    .option('--sweep', 'raise the rate until it is not kept up any more')
    .option('--slo <ms>', 'fail unless 99 of 100 answers come within it; goodput counts only those');
  bounds(command)
    .option('--binary', 'tensors as bytes instead of JSON')
    .option('--batch <number>', 'size of the first dimension, where it is open', '1')
    .option('--length <number>', 'size of other open dimensions', '1')
    .option('--seed <number>', 'of random values and arrivals', '1')
    .option('--data <file>', 'requests to send, as JSON')
    .option('--honour-retry-after', 'send nothing for as long as a refusal asks')
    .option('--yes-remote', 'the target is another machine, and mine')
    .option('--json', 'print the report as JSON')
    .option('--html <file>', 'write the report with plots')
    .addHelpText('after', EXAMPLES)
    .action((url: string, options: BenchOptions) => measure(io, url, options));
}

function bounds(command: Command): Command {
  return command
    .option('--duration <seconds>', 'length of the run (default: 10; 4 for each rate of --sweep)')
    .option('--requests <number>', 'most requests of a run', '100000')
    .option('--warm-up <seconds>', 'load before anything counts', '2')
    .option('--timeout <seconds>', 'for one request', '30')
    .option('--max-in-flight <number>', 'most requests under way in an open loop', '200')
    .option('--max-rate <number>', 'most requests per second of --sweep', '20000');
}

async function measure(io: Io, url: string, options: BenchOptions): Promise<void> {
  const { settingsOf } = await import('../bench/options.js');
  const settings = settingsOf(options);
  const { placeOf, writeDurably } = await import('../write-file.js');
  const page = options.html === undefined ? undefined : placeOf(io.cwd, '--html', options.html);
  const { bench, holdToLevel } = await import('../bench/run.js');
  const ending = new AbortController();
  const again: Io['onInterrupt'] = (listener) =>
    io.onInterrupt(() => {
      if (ending.signal.aborted) return listener();
      note(io, 'ending; press Ctrl-C again to end at once');
      ending.abort();
    });
  const report = await untilInterrupted({ onInterrupt: again }, () => bench(io, url, options, settings, ending.signal));
  if (options.json) {
    say(io, JSON.stringify(report, undefined, 2));
  } else {
    const { tableOf } = await import('../bench/table.js');
    say(io, tableOf(report));
  }
  // After the figures, which no failure to write may lose.
  if (page !== undefined) {
    const { htmlOf } = await import('../bench/html.js');
    writeDurably(page, htmlOf(report));
    note(io, `wrote ${options.html}`);
  }
  holdToLevel(report);
}
