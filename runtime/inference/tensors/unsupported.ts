import { invalidRequest } from '../errors';

/** The value of a parameter by its name; undefined where it is absent. */
export type ParameterOf = (name: string) => unknown;

const SEQUENCES = ['sequence_id', 'sequence_start', 'sequence_end'] as const;
const OF_OUTPUTS = ['classification', 'shared_memory_region'] as const;

/** Clients send these for every request, and mean something by them only where they are not empty. */
const saysSomething = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== 0 && value !== 0n && value !== '' && value !== false;

/** Refuses what a request asks for that no answer can have, over whichever protocol. @throws RequestError */
export function refuseUnsupported(parameter: ParameterOf): void {
  const name = SEQUENCES.find((each) => saysSomething(parameter(each)));
  if (name === undefined) return;
  throw invalidRequest(`the parameter ${name} is not supported: models here keep nothing between requests`);
}

/** The same for one input. @param where how messages name it */
export function refuseUnsupportedOfInput(parameter: ParameterOf, where: string): void {
  if (saysSomething(parameter('shared_memory_region'))) {
    throw invalidRequest(`${where}: shared memory is not supported`);
  }
}

/** The same for one output that is asked for. @param where how messages name it */
export function refuseUnsupportedOfOutput(parameter: ParameterOf, where: string): void {
  const name = OF_OUTPUTS.find((each) => saysSomething(parameter(each)));
  if (name !== undefined) throw invalidRequest(`${where}.parameters.${name} is not supported`);
}
