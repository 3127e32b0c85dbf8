import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import type { DeliveryIndex } from '../../../constructs/delivery/delivery';
import { expandTemplate } from '../../../constructs/delivery/template';
import { unreadable } from '../errors';
import { isRecord } from '../json';

/** A Kubernetes object as it was synthesized. */
export type Manifest = Readonly<Record<string, unknown>>;

// Private-use characters: they cannot stand in a manifest otherwise.
const OPEN = '\uE000';
const CLOSE = '\uE001';
const MARK = new RegExp(`${OPEN}(\\w+)${CLOSE}`, 'gu');

/** Names of the late-bound values inside a text of a manifest. */
export function lateBoundIn(text: string): readonly string[] {
  return [...text.matchAll(MARK)].map((match) => match[1] ?? '');
}

/** The text with its late-bound values as people should see them. */
export function showLateBound(text: string): string {
  return text.replaceAll(MARK, '<$1>');
}

/**
 * Every object that a stack delivers, in the order of its releases. Late-bound values stand in it as marks that
 * {@link lateBoundIn} finds.
 */
export function readManifests(output: string, index: DeliveryIndex): readonly Manifest[] {
  const expand = index.mode === 'flux' ? expandFlux : expandHelm;
  return index.releases.flatMap((release) => {
    if (release.path === undefined) return [];
    const root = path.join(output, release.path);
    const folder = index.mode === 'flux' ? root : path.join(root, 'templates');
    return yamlFiles(folder).map((file) => readManifest(path.join(folder, file), expand));
  });
}

function yamlFiles(folder: string): readonly string[] {
  if (!fs.existsSync(folder)) throw unreadable(folder, 'it does not exist', 'run `lnmt synth` again');
  return fs
    .readdirSync(folder)
    .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
    .sort();
}

function readManifest(file: string, expand: (text: string) => string): Manifest {
  try {
    const object: unknown = parse(expand(fs.readFileSync(file, 'utf8')));
    if (isRecord(object)) return object;
  } catch (error) {
    throw unreadable(file, error instanceof Error ? error.message : String(error), 'run `lnmt synth` again');
  }
  throw unreadable(file, 'it holds no Kubernetes object', 'run `lnmt synth` again');
}

const mark = (name: string): string => OPEN + name + CLOSE;

function expandHelm(text: string): string {
  return expandTemplate(text, {}, mark);
}

function expandFlux(text: string): string {
  return text.replaceAll(/\$(\$\{)|\$\{(\w+)\}/g, (_all, literal: string | undefined, name: string | undefined) =>
    name === undefined ? (literal ?? '') : mark(name),
  );
}
