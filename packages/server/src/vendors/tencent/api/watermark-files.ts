import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import type { Clock } from '../../../clock.ts';

/** Pictures of which no template was made are removed after that many milliseconds. */
const keptMs = 24 * 3_600_000;

/** Pictures of watermarks between their upload and the template that is made of them. */
export class WatermarkFiles {
  readonly #folder: string;
  readonly #clock: Clock;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  async put(id: string, picture: Uint8Array): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await this.#sweep();
    await writeFile(this.#pathOf(id), picture);
  }

  /** @throws AircheckError `upload-not-found` */
  async get(id: string): Promise<Buffer> {
    try {
      return await readFile(this.#pathOf(id));
    } catch (cause) {
      throw new AircheckError('upload-not-found', 'The picture has not been uploaded', { input: 'url', cause });
    }
  }

  async remove(id: string): Promise<void> {
    await rm(this.#pathOf(id), { force: true });
  }

  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
      if (mtimeMs < this.#clock.now() - keptMs) await rm(path, { force: true });
    }
  }

  /** @param id - 32 hexadecimal digits, as a ticket has them */
  #pathOf(id: string): string {
    return join(this.#folder, `${id}.png`);
  }
}
