import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import type { z } from 'zod';

/** On Windows a program that looks at a file (a search index, a virus scanner) holds up its replacement for a moment. */
const RENAME_TRIES = 10;
const RENAME_WAIT_MS = 20;
const HELD = new Set(['EPERM', 'EACCES', 'EBUSY']);

/** Told once when a file that could be read before cannot be any more. */
export type OnUnreadable = (error: AircheckError) => void;

/** A small file of facts that outlive the process. Nobody but its owner may read it. */
export class JsonFile<T> {
  readonly path: string;
  readonly #schema: z.ZodType<T>;
  readonly #initial: () => T;

  readonly #onUnreadable: OnUnreadable;
  #last: T | undefined;
  #unreadable = false;

  /** @param initial - what a file that is not there holds */
  constructor(path: string, schema: z.ZodType<T>, initial: () => T, onUnreadable: OnUnreadable = () => {}) {
    this.path = path;
    this.#schema = schema;
    this.#initial = initial;
    this.#onUnreadable = onUnreadable;
  }

  /**
   * What the file holds; what it held last while it cannot be read.
   * @throws AircheckError `config-invalid` for a file that cannot be read, or holds something else, from the first time on
   */
  read(): T {
    try {
      this.#last = this.#load();
      this.#unreadable = false;
      return this.#last;
    } catch (error) {
      if (this.#last === undefined) throw error;
      const isNew = !this.#unreadable;
      // Noted first: whoever is told may read again.
      this.#unreadable = true;
      if (isNew) this.#onUnreadable(error as AircheckError);
      return this.#last;
    }
  }

  #load(): T {
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
    const file = openSync(`${this.path}.new`, 'w', 0o600);
    try {
      writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    replace(`${this.path}.new`, this.path);
    this.#last = value;
  }

  /** @throws AircheckError `config-invalid`: what cannot be read is not written over */
  update(change: (value: T) => T): T {
    const value = change(this.#load());
    this.write(value);
    return value;
  }
}

function replace(from: string, to: string): void {
  for (let tries = 1; ; tries++) {
    try {
      renameSync(from, to);
      return;
    } catch (error) {
      if (tries === RENAME_TRIES || !HELD.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RENAME_WAIT_MS);
    }
  }
}
