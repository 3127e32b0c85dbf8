import fs from 'node:fs';
import path from 'node:path';
import { DockerfileParser } from 'dockerfile-ast';
import type { Instruction } from 'dockerfile-ast';
import { describe, expect, it } from 'vitest';
import {
  BASE_ARGUMENTS,
  BUNDLED_PROVIDERS,
  DEFAULT_IMAGE_FEATURES,
  IMAGE_COMMANDS,
  IMAGES,
  INFERENCE_ENV,
  RUN_AS,
} from '../../../runtime/contract';
import { parseFeatures } from '../../../runtime/inference/image/features';
import { SERVER_VERSION } from '../../../runtime/inference/version';

const ROOT = path.resolve(__dirname, '../../..');
const SERVED = [IMAGES.inference];

/** What is wrong with a Dockerfile, by our rules. */
function faultsOf(text: string): string[] {
  const dockerfile = DockerfileParser.parse(text);
  const instructions = dockerfile.getInstructions();
  const all = (keyword: string): Instruction[] => instructions.filter((item) => item.getKeyword() === keyword);
  const argumentsOf = (item: Instruction): string => item.getArgumentsContent() ?? '';
  const defaults = new Map(all('ARG').map((item) => argumentsOf(item).split('=', 2) as [string, string | undefined]));
  const stages = new Set(dockerfile.getFROMs().map((from) => from.getBuildStage()));
  const faults: string[] = [];
  for (const from of dockerfile.getFROMs()) {
    const image = from.getImage() ?? '';
    const argument = /^\$\{(\w+)\}$/.exec(image)?.[1];
    const isStage = stages.has(image) || /^[a-z]+-\$\{FLAVOUR\}$/.test(image);
    const pinned = /(:(?!latest\b)[\w.-]+|@sha256:[0-9a-f]{64})$/;
    if (!isStage && argument === undefined) faults.push(`base ${image} is not an argument`);
    if (argument !== undefined && !pinned.test(defaults.get(argument) ?? '')) faults.push(`${argument} is not pinned`);
  }
  const last = dockerfile.getFROMs().at(-1)?.getRange()?.start.line ?? 0;
  const inLast = (keyword: string): Instruction[] => all(keyword).filter((item) => item.getRange().start.line > last);
  const user = inLast('USER').at(-1);
  if (!user || !/^[1-9]\d{3,}:[1-9]\d{3,}$/.test(argumentsOf(user))) faults.push('the user is not numeric and high');
  if (all('ADD').length > 0) faults.push('ADD is used');
  if (all('HEALTHCHECK').length > 0) faults.push('HEALTHCHECK is used; probes belong to the manifest');
  if (inLast('RUN').length > 0) faults.push('the last stage runs commands, which needs a shell');
  const command = inLast('CMD').at(-1);
  if (!command || !argumentsOf(command).startsWith('[')) faults.push('CMD needs a shell');
  for (const item of [...all('ARG'), ...all('ENV'), ...all('LABEL')]) {
    if (/secret|token|password|api_?key|credential/i.test(argumentsOf(item)))
      faults.push(`${item.getKeyword()} holds a secret`);
  }
  for (const run of all('RUN')) {
    if (/\bnpm (ci|install)\b/.test(argumentsOf(run)) && !argumentsOf(run).includes('--ignore-scripts')) {
      faults.push('npm runs install scripts');
    }
    if (/curl|wget|sudo|chmod 777/.test(argumentsOf(run))) faults.push('RUN fetches, or widens permissions');
  }
  return faults;
}

describe.each(SERVED)('the Dockerfile of $repository', ({ dockerfile }) => {
  const text = fs.readFileSync(path.join(ROOT, dockerfile), 'utf8');
  const parsed = DockerfileParser.parse(text);
  const argumentsOf = (keyword: string): string[] =>
    parsed
      .getInstructions()
      .filter((item) => item.getKeyword() === keyword)
      .map((item) => item.getArgumentsContent() ?? '');

  it('keeps the rules', () => {
    expect(faultsOf(text)).toEqual([]);
  });

  it('runs what the contract says, as the user that the contract says', () => {
    expect(JSON.parse(argumentsOf('CMD')[0] ?? '')).toEqual(IMAGE_COMMANDS.inference);
    expect(argumentsOf('USER')).toEqual([`${RUN_AS.user}:${RUN_AS.group}`]);
  });

  it('has a stage for each flavour, and fetches GPU libraries in the CUDA one only', () => {
    const stages = parsed.getFROMs().map((from) => from.getBuildStage());
    expect(stages).toEqual(expect.arrayContaining(['base-cpu', 'base-cuda', 'native-cpu', 'native-cuda']));
    const [cpu, cuda] = text.split('AS native-cuda');
    expect(cpu).not.toContain('ONNXRUNTIME_NODE_INSTALL');
    expect(cuda).toContain('ONNXRUNTIME_NODE_INSTALL=cuda12');
  });

  it('takes the system below each flavour as the argument of the contract, and says what other providers need of it', () => {
    for (const flavour of IMAGES.inference.flavours) {
      const argument = BASE_ARGUMENTS[flavour];
      expect(argumentsOf('ARG').filter((each) => each.startsWith(`${argument}=`))).toHaveLength(1);
      const base = parsed.getFROMs().find((from) => from.getBuildStage() === `base-${flavour}`);
      expect(base?.getImage()).toBe(`\${${argument}}`);
    }
    const bundled = new Set<string>(Object.values(BUNDLED_PROVIDERS).flat());
    const others = INFERENCE_ENV.executionProvider.values.filter((provider) => !bundled.has(provider));
    expect(others).toEqual(['tensorrt', 'webgpu']);
    for (const provider of others) expect(text).toContain(provider);
  });

  it('carries what holds a model process to its memory, the packages of its features, and the list of them', () => {
    expect(argumentsOf('COPY')).toEqual(
      expect.arrayContaining([
        '/carried/usr /usr',
        '/src/node_modules ./node_modules',
        '/src/sbom.cdx.json ./sbom.cdx.json',
      ]),
    );
    const [features = ''] = argumentsOf('ARG').flatMap((text) => /^FEATURES=(.+)$/.exec(text)?.[1] ?? []);
    expect(parseFeatures(features)).toEqual(DEFAULT_IMAGE_FEATURES);
  });

  it('tells onnxruntime not to report to its vendor', () => {
    expect(argumentsOf('ENV').join('\n')).toContain('ORT_DISABLE_TELEMETRY=1');
  });

  it('carries labels and the version of its package', () => {
    expect(argumentsOf('LABEL').join('\n')).toContain('org.opencontainers.image.title=');
    expect(argumentsOf('ARG')).toContain(`VERSION=${SERVER_VERSION}`);
  });
});

describe('the rules for Dockerfiles', () => {
  const good = 'ARG BASE=a:1\nFROM ${BASE}\nUSER 10001:10001\nCMD ["node"]\n';

  it.each([
    ['a base that is no argument', good.replace('${BASE}', 'a:1'), 'base a:1 is not an argument'],
    ['a base without a tag', good.replace('a:1', 'a'), 'BASE is not pinned'],
    ['the tag latest', good.replace('a:1', 'a:latest'), 'BASE is not pinned'],
    ['root', good.replace('10001:10001', '0:0'), 'the user is not numeric and high'],
    ['a named user', good.replace('10001:10001', 'node'), 'the user is not numeric and high'],
    ['no user', good.replace('USER 10001:10001\n', ''), 'the user is not numeric and high'],
    ['ADD', `${good}ADD x y\n`, 'ADD is used'],
    ['HEALTHCHECK', `${good}HEALTHCHECK NONE\n`, 'HEALTHCHECK is used; probes belong to the manifest'],
    ['a shell in CMD', good.replace('["node"]', 'node'), 'CMD needs a shell'],
    ['a secret', `${good}ENV API_KEY=x\n`, 'ENV holds a secret'],
    ['install scripts', good.replace('FROM', 'FROM ${BASE} AS b\nRUN npm ci\nFROM'), 'npm runs install scripts'],
    ['a download', good.replace('FROM', 'FROM ${BASE} AS b\nRUN curl x\nFROM'), 'RUN fetches, or widens permissions'],
  ])('refuses %s', (_title, text, fault) => {
    expect(faultsOf(good)).toEqual([]);
    expect(faultsOf(text)).toContain(fault);
  });
});
