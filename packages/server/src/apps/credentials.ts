import { randomBytes } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AircheckError } from '@aircheck/protocol';
import { z } from 'zod';
import { replaceFile } from '../data-folder.ts';

const Credentials = z.object({ key: z.string().min(1), secret: z.string().min(16) });
export type Credentials = Readonly<z.infer<typeof Credentials>>;

/**
 * The default app's key and secret: those given, else those kept in the data folder, else new ones, which are kept
 * there, readable by the owner alone.
 * @returns `created` says that they are new, and must be shown once
 * @throws AircheckError `storage-failed` when the kept file cannot be read or is not what it should be
 */
export async function loadCredentials(
  dataFolder: string,
  given: Credentials | undefined,
): Promise<Credentials & { readonly created: boolean }> {
  if (given !== undefined) return { ...given, created: false };
  const path = join(dataFolder, 'credentials.json');
  try {
    const kept = Credentials.parse(JSON.parse(await readFile(path, 'utf8')));
    await chmod(path, 0o600);
    return { ...kept, created: false };
  } catch (cause) {
    // Anything but a missing file is not replaced: that would end every token and link made so far.
    if ((cause as { code?: unknown }).code !== 'ENOENT') {
      throw new AircheckError('storage-failed', `${path} cannot be read or does not hold {"key", "secret"}`, { cause });
    }
  }
  const made = { key: `ak_${randomBytes(9).toString('hex')}`, secret: randomBytes(32).toString('base64url') };
  await replaceFile(path, `${JSON.stringify(made, null, 2)}\n`, 0o600);
  return { ...made, created: true };
}
