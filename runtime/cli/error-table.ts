import type { ErrorTable } from '../../constructs/errors';

/** Codes of the command line. */
export const CLI_ERRORS = {
  LNMT6001: {
    title: 'the command line cannot be understood',
    explanation:
      'An unknown verb or option, or a value that an option does not take. `lnmt VERB --help` shows examples.',
  },
  LNMT6002: {
    title: 'there is no program to run',
    explanation:
      'synth, plan and dev run the command that `app` in cdktf.json names, in the folder of that file. `lnmt init` writes one; `--app` names another command.',
  },
  LNMT6003: {
    title: 'the program ended with a fault',
    explanation: 'Your program did not synthesize, and not because of a rule of LNMT: what it printed says why.',
  },
  LNMT6004: {
    title: 'there is no synthesized output',
    explanation: 'The folder holds no manifest.json of cdktf. `lnmt synth` writes it.',
  },
  LNMT6005: {
    title: 'a file is in the way',
    explanation:
      'The verb writes files only where nothing is lost by it. Move what is there, or choose another folder.',
  },
  LNMT6006: {
    title: 'a file cannot be read as what it should be',
    explanation: 'The message names the file and the place. Nothing was written.',
  },
  LNMT6007: {
    title: 'values are missing',
    explanation:
      'The exported charts wait for values that the outputs do not hold. Take the outputs of the stack that exported them: `terraform output -json` in its folder, after `terraform apply`.',
  },
  LNMT6008: {
    title: 'values belong to nothing',
    explanation:
      'The outputs hold values that the exported charts do not know: they are of another stack, or of another synthesis. Synthesize, apply, and take the outputs again.',
  },
  LNMT6009: {
    title: 'a tool is missing',
    explanation: 'The verb calls a program of others. `lnmt doctor` says which ones are missing and how to get them.',
  },
  LNMT6010: {
    title: 'a tool failed',
    explanation: 'The program that the verb calls ended with a fault; its last words are in the message.',
  },
  LNMT6011: {
    title: 'the sources of an image are not here',
    explanation:
      'Images are built from the repository of LNMT: the build context holds runtime/ and the lock file. Clone the tag of your version, and pass the folder with `--context`.',
  },
  LNMT6012: {
    title: 'the file is not an ONNX model',
    explanation:
      'The file was read as an ONNX ModelProto down to its graph: it needs a version of the format, operator sets and a graph, and nothing after them.',
  },
  LNMT6013: {
    title: 'a model store cannot be used',
    explanation: 'A store is `file:///folder` or `s3://bucket/prefix`, without credentials in it.',
  },
  LNMT6014: {
    title: 'the version is taken',
    explanation:
      'A version of a model never changes: servers, caches and records refer to it. Push under the next version.',
  },
  LNMT6015: {
    title: 'a package is missing',
    explanation:
      'Servers and cloud clients are packages of their own, so that whoever only synthesizes never downloads them. Install the one that the message names.',
  },
  LNMT6016: {
    title: 'the store failed',
    explanation: 'The store refused or could not be reached. Nothing was published: the manifest is written last.',
  },
  LNMT6017: {
    title: 'the id is taken',
    explanation: 'Ids of API keys are unique in their file: they name the caller in logs. Choose another id.',
  },
  LNMT6018: {
    title: 'the code is not known',
    explanation: 'Codes are LNMT and four digits. Those of servers that come later than this version are not listed.',
  },
  LNMT6019: {
    title: 'there is nothing to run',
    explanation: 'lnmt dev runs the Deployments whose image is one of LNMT’s own. This output holds none.',
  },
  LNMT6020: {
    title: 'a value is known only after deployment',
    explanation:
      'The manifest takes a value from the infrastructure, and the program cannot start without one. Models come from a folder with `--models`.',
  },
  LNMT6021: {
    title: 'the container cannot run as a process',
    explanation: 'The command in the manifest is not that of the image, so that no local program corresponds to it.',
  },
  LNMT6022: {
    title: 'a program did not become ready',
    explanation: 'It did not pass its probes within the time that the manifest allows. Its log stands above.',
  },
  LNMT6023: {
    title: 'something that is required is missing',
    explanation: 'A check of lnmt doctor failed. Each line says how to get what is missing.',
  },
  LNMT6024: {
    title: 'the data of the model are not beside it',
    explanation:
      'Large models keep their weights in files of their own, which the graph names by relative path. They are pushed together and must lie beside the graph.',
  },
  LNMT6025: {
    title: 'a name cannot be used',
    explanation: 'Names and versions of models stand in URLs, paths and labels; ids of API keys in logs.',
  },
  LNMT6027: {
    title: 'the signature does not fit the model',
    explanation:
      'model.sig beside the graph is pushed with the model, and covers every other file of it: model.onnx under that name, its data, its tokenizer. Servers that want signed models would refuse it. Sign the folder again, or take the signature away.',
  },
  LNMT6026: {
    title: 'the bucket belongs to somebody else',
    explanation:
      'Names of buckets are unique in the world. This one exists in another account or region, or the credentials may not see it.',
  },
  LNMT6028: {
    title: 'the system does not let a file be used',
    explanation:
      'A file that was named, or one that the verb needs, cannot be read or written. The message holds its path and what the system says.',
  },
  LNMT6031: {
    title: 'the inspector refuses the model',
    explanation:
      'The server would not load this file. The message holds the code of the refusal; `lnmt explain CODE` says more about it.',
  },
  LNMT6032: {
    title: 'the model cannot be rewritten so',
    explanation:
      'It has no operation that the mode serves, or an operator set before that of the new operators. The message says which; often another mode, or an export with a later operator set, helps.',
  },
  LNMT6033: {
    title: 'samples are missing',
    explanation:
      'What quantization costs in accuracy is known only on inputs like those of production: pass some with `--samples`. `--no-gate` writes the model without that knowledge.',
  },
  LNMT6034: {
    title: 'the samples cannot be used',
    explanation:
      'Samples are a golden.json, JSON lines of `{"inputs": […], "label": …}`, a CSV of rows for a model with one input, or an .npz with an array for each input. Names, datatypes and shapes are those of the model (`lnmt model inspect`).',
  },
  LNMT6035: {
    title: 'the new model is not accurate enough',
    explanation:
      'Its answers to the samples differ from those of the original by more than the limits allow. Nothing was written. Other modes, `--per-channel`, or another calibration lose less.',
  },
  LNMT6036: {
    title: 'onnxruntime does not run the model',
    explanation:
      'Loading the model or running it on the samples failed; the message says which model, and what onnxruntime said. Nothing was written.',
  },
} as const satisfies ErrorTable;
