/** Members of a JSON object. */
export type Fields = Readonly<Record<string, unknown>>;

/** A member of a configuration that is wrong. The message names it. */
export class ConfigMemberError extends Error {}

/** The error of a member that is wrong. */
export const wrong = (what: string): ConfigMemberError => new ConfigMemberError(what);

/** An object with no members but these. @throws ConfigMemberError */
export function membersOf(value: unknown, where: string, allowed: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${where} is not an object`);
  const stranger = Object.keys(value).find((key) => !allowed.includes(key));
  if (stranger !== undefined) throw wrong(`${where} has the unknown member ${JSON.stringify(stranger)}`);
  return { ...value };
}
