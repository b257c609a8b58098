import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PublishOptions, type RunningServer, startWhipPublisher } from '@aircheck/testkit';
import { onTestFinished } from 'vitest';

/** A new folder that goes with the test. */
export function folderForTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aircheck-agent-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A synthetic host in a room; ended with the test. */
export async function publish(
  server: RunningServer,
  roomId: string,
  userId: string,
  options: Partial<PublishOptions> = {},
) {
  const publisher = await startWhipPublisher({
    url: `${server.url}/whip/${roomId}`,
    token: await server.token(userId, roomId),
    media: { kind: 'live' },
    ...options,
  });
  onTestFinished(() => publisher.kill());
  return publisher;
}

/** The token of a hidden viewer of a participant. */
export async function viewerToken(server: RunningServer, roomId: string, userId: string): Promise<string> {
  const response = await fetch(`${server.url}/v1/tokens/viewer`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await server.token(userId, roomId)}`, 'content-type': 'application/json' },
    body: JSON.stringify({ roomId }),
  });
  if (!response.ok) throw new Error(`no viewer token: ${await response.text()}`);
  return ((await response.json()) as { token: string }).token;
}

/** The same token, but one that ends then. @param exp - seconds since 1970 */
export function endingAt(exp: number, token: string, { apiSecret }: RunningServer): string {
  const [header, payload = ''] = token.split('.');
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), exp };
  const signed = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
  return `${signed}.${createHmac('sha256', apiSecret).update(signed).digest('base64url')}`;
}
