import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import type { z } from 'zod';

/** A small file of facts that outlive the process. Nobody but its owner may read it. */
export class JsonFile<T> {
  readonly path: string;
  readonly #schema: z.ZodType<T>;
  readonly #initial: () => T;

  /** @param initial - what a file that is not there holds */
  constructor(path: string, schema: z.ZodType<T>, initial: () => T) {
    this.path = path;
    this.#schema = schema;
    this.#initial = initial;
  }

  /** @throws AircheckError `config-invalid` for a file that holds something else */
  read(): T {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this.#initial();
      throw new AircheckError('config-invalid', `${this.path} cannot be read: ${String(error)}`, { cause: error });
    }
    try {
      return this.#schema.parse(JSON.parse(text));
    } catch (error) {
      throw new AircheckError('config-invalid', `${this.path} does not hold what it should`, {
        cause: error,
        hint: 'Remove the file to begin anew',
      });
    }
  }

  /** A crash leaves what was there before, or what is written now, never a mixture. */
  write(value: T): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    writeFileSync(`${this.path}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${this.path}.new`, this.path);
  }

  update(change: (value: T) => T): T {
    const value = change(this.read());
    this.write(value);
    return value;
  }
}
