import { createHmac, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { z } from 'zod';
import type { AgentFolders } from './agent-folders.ts';
import { JsonFile, type OnUnreadable } from './json-file.ts';

const SettingsFile = z.object({
  /** Never told to anybody: this installation's names are made of it. */
  key: z.string().default(''),
  /** Folders under which pages may make files, absolute. */
  folders: z.array(z.string()),
  /** Once there is one, pages of other origins may not even pair. */
  allowedOrigins: z.array(z.string()),
});
type SettingsFile = z.infer<typeof SettingsFile>;

/** What the user decided. Read anew each time it is asked: a command changes it while the agent runs. */
export class Settings {
  readonly #file: JsonFile<SettingsFile>;
  readonly #folders: AgentFolders;

  constructor(folders: AgentFolders, onUnreadable?: OnUnreadable) {
    this.#folders = folders;
    const initial = () => ({ key: '', folders: [], allowedOrigins: [] });
    this.#file = new JsonFile(join(folders.config, 'settings.json'), SettingsFile, initial, onUnreadable);
  }

  /** This installation's name on this computer; made at the first time. */
  get agentId(): string {
    return this.agentIdFor('');
  }

  /** This installation's name for one origin: two sites cannot tell by it that they have the same visitor. */
  agentIdFor(origin: string): string {
    let { key } = this.#file.read();
    if (key === '') key = this.#update((settings) => settings).key;
    return createHmac('sha256', key).update(origin).digest('base64url');
  }

  /** Where files may be made; the first one takes names without a folder. */
  get folders(): readonly string[] {
    const { folders } = this.#file.read();
    return folders.length === 0 ? [this.#folders.recordings] : folders;
  }

  get allowedOrigins(): readonly string[] {
    return this.#file.read().allowedOrigins;
  }

  /** @param path - absolute; may be allowed already */
  allowFolder(path: string): void {
    if (this.#file.read().folders.includes(path)) return;
    this.#update((settings) => ({ ...settings, folders: [...settings.folders, path] }));
  }

  /** @returns whether it was allowed */
  disallowFolder(path: string): boolean {
    const before = this.#file.read().folders;
    if (!before.includes(path)) return false;
    this.#update((settings) => ({ ...settings, folders: before.filter((other) => other !== path) }));
    return true;
  }

  /** @throws AircheckError `request-invalid` where the text is no origin */
  allowOrigin(text: string): string {
    const origin = originOf(text);
    if (!this.allowedOrigins.includes(origin)) {
      this.#update((settings) => ({ ...settings, allowedOrigins: [...settings.allowedOrigins, origin] }));
    }
    return origin;
  }

  /** @returns whether it was on the list */
  disallowOrigin(origin: string): boolean {
    const before = this.allowedOrigins;
    if (!before.includes(origin)) return false;
    this.#update((settings) => ({ ...settings, allowedOrigins: before.filter((other) => other !== origin) }));
    return true;
  }

  #update(change: (settings: SettingsFile) => SettingsFile): SettingsFile {
    return this.#file.update((settings) => change(settings.key === '' ? { ...settings, key: randomUUID() } : settings));
  }
}

/**
 * The origin that an address belongs to, as browsers write it.
 * @throws AircheckError `request-invalid`
 */
export function originOf(text: string): string {
  const address = URL.canParse(text) ? new URL(text) : undefined;
  if (address !== undefined && /^https?:$/.test(address.protocol)) return address.origin;
  throw new AircheckError('request-invalid', `${JSON.stringify(text)} is not the address of a site`, {
    input: 'origin',
    hint: 'It looks like https://meet.example.org',
  });
}
