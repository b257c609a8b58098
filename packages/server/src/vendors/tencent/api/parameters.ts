import { AircheckError, FileName, StorableText } from '@aircheck/protocol';
import type { z } from 'zod';

/** More than the longest call, joining 500 files, can have. */
const maxParameters = 2000;

/**
 * The parameters of a call, as they were before they were encoded for their way. Lists are `name.0`, `name.1` … (or from
 * 1 on: the vendor's pages differ), objects `name.field`, lists of objects `name.0.field`; `_` in a name stands for `.`.
 */
export class Parameters {
  /** By their names with dots, relative to the whole. */
  readonly #values: ReadonlyMap<string, string>;
  /** What the names begin with, for messages: `transcode.` */
  readonly #path: string;

  constructor(values: ReadonlyMap<string, string>, path = '') {
    this.#values = values;
    this.#path = path;
  }

  get isEmpty(): boolean {
    return this.#values.size === 0;
  }

  /** Undefined when it is not there; may be empty. */
  text(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** @throws AircheckError `request-invalid` when it is missing or empty */
  required(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined || value === '') throw this.invalid(name, 'is missing');
    return value;
  }

  /**
   * A value that is what the schema says; undefined when it is missing or empty.
   * @throws AircheckError `request-invalid`
   */
  parsed<S extends z.ZodType>(name: string, schema: S): z.output<S> | undefined {
    const value = this.#values.get(name);
    return value === undefined || value === '' ? undefined : this.check(name, schema, value);
  }

  /** @throws AircheckError `request-invalid`, that names the parameter */
  check<S extends z.ZodType>(name: string, schema: S, value: unknown): z.output<S> {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    throw this.invalid(name, `is not valid: ${result.error.issues[0]?.message ?? ''}`, result.error);
  }

  /** @throws AircheckError `request-invalid` */
  fileName(name: string): string {
    return this.check(name, FileName, this.required(name));
  }

  /** A whole number; undefined when it is missing or empty. @throws AircheckError `request-invalid` */
  integer(name: string, min: number, max: number): number | undefined {
    return this.#number(name, /^[+-]?\d{1,15}$/, 'a whole number', min, max);
  }

  /** A number with or without a fraction. @throws AircheckError `request-invalid` */
  decimal(name: string, min: number, max: number): number | undefined {
    return this.#number(name, /^[+-]?(\d{1,12}(\.\d{0,9})?|\.\d{1,9})$/, 'a number', min, max);
  }

  /** 1 is true; 0, nothing and absence are false. @throws AircheckError `request-invalid` */
  flag(name: string): boolean {
    return this.integer(name, 0, 1) === 1;
  }

  /**
   * One of the values, in whatever case it is written; undefined when it is missing or empty.
   * @throws AircheckError `request-invalid`
   */
  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const given = this.#values.get(name);
    if (given === undefined || given === '') return undefined;
    const found = values.find((value) => value.toLowerCase() === given.toLowerCase());
    if (found === undefined) throw this.invalid(name, `must be ${values.join(', ')}`);
    return found;
  }

  /** All of a list, by their numbers; of a list of one the number may be left out. */
  list(name: string): string[] {
    const single = this.#values.get(name);
    const numbered = this.#numbered(name).flatMap(([, rest, value]) => (rest === '' ? [value] : []));
    return numbered.length === 0 && single !== undefined && single !== '' ? [single] : numbered;
  }

  /** The fields of an object; {@link isEmpty} when there is none. */
  object(name: string): Parameters {
    const fields = [...this.#values].flatMap(([key, value]): [string, string][] =>
      key.startsWith(`${name}.`) ? [[key.slice(name.length + 1), value]] : [],
    );
    return new Parameters(new Map(fields), `${this.#path}${name}.`);
  }

  /** All objects of a list, by their numbers. */
  objects(name: string): Parameters[] {
    const found = new Map<number, Map<string, string>>();
    for (const [number, rest, value] of this.#numbered(name)) {
      if (rest === '') continue;
      const fields = found.get(number) ?? new Map<string, string>();
      found.set(number, fields.set(rest, value));
    }
    return [...found].map(([number, fields]) => new Parameters(fields, `${this.#path}${name}.${number}.`));
  }

  /** What is wrong with a parameter. */
  invalid(name: string, what: string, cause?: unknown): AircheckError {
    const input = `${this.#path}${name}`;
    return new AircheckError('request-invalid', `${input} ${what}`, { input, cause });
  }

  /** Of `name.2.rest` number, rest and value, by the numbers. */
  #numbered(name: string): [number, string, string][] {
    const found: [number, string, string][] = [];
    for (const [key, value] of this.#values) {
      if (!key.startsWith(`${name}.`)) continue;
      const match = /^(\d{1,6})(?:\.(.+))?$/.exec(key.slice(name.length + 1));
      if (match !== null) found.push([Number(match[1]), match[2] ?? '', value]);
    }
    return found.sort(([a], [b]) => a - b);
  }

  #number(name: string, pattern: RegExp, kind: string, min: number, max: number): number | undefined {
    const text = this.#values.get(name);
    if (text === undefined || text === '') return undefined;
    const value = pattern.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw this.invalid(name, `must be ${kind} from ${min} to ${max}`);
  }
}

/**
 * Takes apart what a call carries in its query and, as a form, in its body.
 * @returns names as they came and decoded values
 * @throws AircheckError `request-invalid` for what comes twice, what cannot be kept, and too many of them
 */
export function parseParameters(query: string, form: string): Map<string, string> {
  const values = new Map<string, string>();
  const names = new Set<string>();
  for (const part of [query, form]) {
    for (const [name, value] of new URLSearchParams(part)) {
      const input = withDots(name);
      if (names.has(input)) throw new AircheckError('request-invalid', `${input} is there twice`, { input });
      if (!StorableText.safeParse(value).success || !StorableText.safeParse(name).success) {
        throw new AircheckError('request-invalid', `${input} must not hold NUL`, { input });
      }
      names.add(input);
      values.set(name, value);
      if (values.size > maxParameters) {
        throw new AircheckError('request-invalid', `There are more than ${maxParameters} parameters`);
      }
    }
  }
  return values;
}

/** A parameter's name as it is signed and looked up: `_` counts as `.`, but for the first letter. */
export function withDots(name: string): string {
  return name.startsWith('_') ? name : name.replaceAll('_', '.');
}
