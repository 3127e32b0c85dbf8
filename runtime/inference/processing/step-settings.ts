import type { Members } from './members';
import { PII_KINDS } from './steps/personal-data';
import { wrong } from '../models/config-members';
import type { Fields } from '../models/config-members';

/** Forms of images that are decoded. */
const IMAGE_FORMATS = ['jpeg', 'png', 'webp'] as const;

const MOST = { tokens: 1_048_576, size: 16_384, pixels: 2 ** 28, bytes: 2 ** 28, labels: 100_000, channels: 4_096 };

function tokenize(members: Members) {
  return members.close({
    step: 'tokenize' as const,
    input: members.text('input') ?? 'text',
    maxLength: members.integer('maxLength', 1, MOST.tokens),
    truncate: members.flag('truncate') ?? false,
  });
}

function normalise(members: Members) {
  const std = members.numbers('std', MOST.channels);
  if (std?.some((each) => each === 0)) throw wrong(`${members.where}.std has a 0`);
  return members.close({
    step: 'normalise' as const,
    tensor: members.needed('tensor'),
    from: members.choice('from', ['UINT8', 'INT8', 'UINT16', 'INT16', 'INT32', 'FP16', 'FP32', 'FP64']),
    scale: members.number('scale') ?? 1,
    mean: members.numbers('mean', MOST.channels),
    std,
    axis: members.integer('axis', 0, 15) ?? 1,
  });
}

function image(members: Members) {
  const settings = members.close({
    step: 'image' as const,
    input: members.text('input') ?? 'image',
    tensor: members.needed('tensor'),
    width: members.integer('width', 1, MOST.size),
    height: members.integer('height', 1, MOST.size),
    /** `stretch` to the size, `crop` the middle of a larger one, or `fit` into it with black beside it. */
    resize: members.choice('resize', ['stretch', 'crop', 'fit']) ?? 'stretch',
    /** Length of the shorter side before the middle is cropped. */
    shortest: members.integer('shortest', 1, MOST.size),
    colour: members.choice('colour', ['RGB', 'BGR', 'GRAY']) ?? 'RGB',
    layout: members.choice('layout', ['NCHW', 'NHWC']) ?? 'NCHW',
    /** Turns an image as its camera was held. */
    orient: members.flag('orient') ?? true,
    maxPixels: members.integer('maxPixels', 1, MOST.pixels) ?? 2 ** 24,
    maxBytes: members.integer('maxBytes', 1, MOST.bytes) ?? 2 ** 24,
    formats: members.choices('formats', IMAGE_FORMATS) ?? IMAGE_FORMATS,
  });
  if (settings.shortest !== undefined && settings.resize !== 'crop') {
    throw wrong(`${members.where}.shortest goes with resize crop only`);
  }
  return settings;
}

function plugin(members: Members) {
  const names = (key: string): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(members.object(key) ?? {}).map(([from, to]) => {
        if (typeof to !== 'string' || to === '') throw wrong(`${members.where}.${key}.${from} is not a name`);
        return [from, to];
      }),
    );
  const parameters: Fields = members.object('parameters') ?? {};
  const settings = {
    ...{ plugin: members.needed('plugin'), step: members.needed('step') },
    /** Tensors of the model by the names that the plugin has for them. */
    ...{ inputs: names('inputs'), outputs: names('outputs') },
    parameters,
  };
  return members.close(settings);
}

function softmax(members: Members) {
  return members.close({ step: 'softmax' as const, tensor: members.needed('tensor'), as: members.text('as') });
}

function labels(members: Members) {
  const settings = members.close({
    step: 'labels' as const,
    tensor: members.needed('tensor'),
    labels: members.texts('labels', MOST.labels),
    /** Labels in a file beside the model, one in a line. */
    file: members.text('file'),
    topK: members.integer('topK', 1, 1_000) ?? 1,
    as: members.text('as') ?? 'labels',
    scores: members.text('scores') ?? 'scores',
    /** Also gives the tensor that the labels come from. */
    keep: members.flag('keep') ?? false,
  });
  if ((settings.labels === undefined) === (settings.file === undefined)) {
    throw wrong(`${members.where} has not one of labels and file`);
  }
  return settings;
}

function filter(members: Members) {
  const floor = members.number('floor');
  return members.close({
    step: 'filter' as const,
    tensor: members.needed('tensor'),
    clamp: members.pair('clamp'),
    /** Digits after the point. */
    round: members.integer('round', 0, 15),
    /** Keeps the largest of each row, and sets the others to 0. */
    topK: members.integer('topK', 1, 100_000),
    /** Smallest score: smaller ones become 0, and a label with such a score becomes `replacement`. */
    floor,
    /** Tensor with the scores of labels. */
    scores: members.text('scores'),
    /** Labels that may be given. */
    allow: members.texts('allow', MOST.labels),
    /** Stands for labels that are not given. */
    replacement: members.text('replacement') ?? '',
    /** Personal data to take out of texts. */
    personalData: members.choices('personalData', PII_KINDS),
  });
}

/** Readers of the steps before a model, by name. */
export const BEFORE = { tokenize, normalise, image, plugin };

/** Readers of the steps after a model, by name. */
export const AFTER = { softmax, labels, filter, plugin };

type Read<T extends (members: Members) => object> = ReturnType<T>;

/** Settings of a step that turns texts into tokens. */
export type TokenizeSettings = Read<typeof tokenize>;
/** Settings of a step that scales numbers. */
export type NormaliseSettings = Read<typeof normalise>;
/** Settings of a step that decodes images. */
export type ImageSettings = Read<typeof image>;
/** Settings of a step of a plugin. */
export type PluginSettings = Read<typeof plugin>;
/** Settings of a step that turns scores into shares. */
export type SoftmaxSettings = Read<typeof softmax>;
/** Settings of a step that names classes. */
export type LabelsSettings = Read<typeof labels>;
/** Settings of a step that holds outputs back. */
export type FilterSettings = Read<typeof filter>;

/** A step before a model. */
export type BeforeSettings = TokenizeSettings | NormaliseSettings | ImageSettings | PluginSettings;
/** A step after a model. */
export type AfterSettings = SoftmaxSettings | LabelsSettings | FilterSettings | PluginSettings;
