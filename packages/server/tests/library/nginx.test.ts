import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type MediaServer, startMediaServer } from './media-server.ts';

const deploy = resolve(import.meta.dirname, '../../../../deploy/nginx');
const nginx = ['/usr/sbin/nginx', '/usr/local/sbin/nginx'].find((path) => existsSync(path));
if (nginx === undefined) console.warn('nginx is not installed (apt-get install nginx-light): its tests are left out');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** The configuration as it is delivered, with what it says to change changed. */
async function startNginx(media: MediaServer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aircheck-nginx-'));
  const port = await freePort();
  const changes: [from: string | RegExp, to: string][] = [
    ['127.0.0.1:8080', new URL(media.origin).host],
    ['listen 80;', `listen 127.0.0.1:${port};`],
    ['server_name rec.example.com;', 'server_name localhost;'],
    ['/var/lib/aircheck/recordings/', `${media.recordingsFolder}/`],
    ['/var/lib/aircheck/derived/', `${media.derivedFolder}/`],
    [/\/etc\/nginx\/aircheck-files\.inc/g, join(deploy, 'aircheck-files.inc')],
  ];
  let site = await readFile(join(deploy, 'aircheck.conf'), 'utf8');
  for (const [from, to] of changes) {
    const changed = site.replace(from, to);
    expect(changed, `aircheck.conf has no ${from}`).not.toBe(site);
    site = changed;
  }
  const main = `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events {}
http { access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
types { video/mp4 mp4; }
${site} }`;
  const path = join(folder, 'nginx.conf');
  await writeFile(path, main);
  const checked = spawnSync(nginx!, ['-t', '-c', path], { encoding: 'utf8' });
  expect(checked.stderr).toContain('syntax is ok');
  const child: ChildProcess = spawn(nginx!, ['-c', path], { stdio: 'ignore' });
  onTestFinished(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  const origin = `http://127.0.0.1:${port}`;
  await expect
    .poll(() =>
      fetch(`${origin}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
    .toBe(true);
  return origin;
}

describe.skipIf(nginx === undefined)('nginx in front', () => {
  it('sends the bytes of files whose links are good, and none else', async () => {
    const media = await startMediaServer({ accel: 'nginx' });
    const origin = await startNginx(media);
    const content = randomBytes(2_000_000);
    const fileId = await media.addFile(content);
    await media.addDerivative(
      fileId,
      { derivativeId: 'r1', kind: 'rendition' },
      { 'r1.mp4': content.subarray(0, 1000) },
    );
    const urls = await media.urls(fileId);
    const through = (url: string) => url.replace(media.origin, origin);

    const whole = await fetch(through(urls.mp4));
    expect(Buffer.from(await whole.arrayBuffer()).equals(content)).toBe(true);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      server: expect.stringMatching(/^nginx/),
      'content-type': 'video/mp4',
      'content-disposition': expect.stringMatching(/^inline/),
      'cache-control': 'private, max-age=86400',
      'accept-ranges': 'bytes',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
    });
    expect(whole.headers.get('x-accel-redirect')).toBeNull();

    const etag = whole.headers.get('etag')!;
    const range = { range: 'bytes=1000000-1000009' };
    const part = await fetch(through(urls.mp4), { headers: { ...range, 'if-range': etag } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 1000000-1000009/2000000']);
    expect(Buffer.from(await part.arrayBuffer()).equals(content.subarray(1_000_000, 1_000_010))).toBe(true);
    expect((await fetch(through(urls.mp4), { headers: { ...range, 'if-range': '"other"' } })).status).toBe(200);
    expect((await fetch(through(urls.mp4), { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await fetch(through(urls.mp4), { headers: { range: 'bytes=2000000-' } })).status).toBe(416);
    const head = await fetch(through(urls.mp4), { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '2000000']);
    const rendition = await fetch(through(urls.renditions[0]!.url));
    expect((await rendition.arrayBuffer()).byteLength).toBe(1000);

    const bad = await fetch(through(urls.mp4.replace(/sig=./, 'sig=')));
    expect([bad.status, (await bad.json()).code]).toEqual([403, 'link-invalid']);
    const path = `/aircheck-files/recordings/${fileId}/0000-${fileId}.mp4`;
    expect((await fetch(`${origin}${path}`)).status).toBe(404);
    await media.library.update('default', fileId, { banned: true });
    expect((await fetch(through(urls.mp4))).status).toBe(403);
    expect((await media.counted(fileId)).bytes).toBeGreaterThan(2_000_000);
  });

  it('counts what nginx sends when it is asked under conditions', async () => {
    const media = await startMediaServer({ accel: 'nginx' });
    const origin = await startNginx(media);
    const fileId = await media.addFile(randomBytes(100_000));
    const url = (await media.urls(fileId)).mp4.replace(media.origin, origin);
    const sent = async (headers: Record<string, string>) => {
      const before = await media.counted(fileId);
      const answer = await fetch(url, { headers: { 'cache-control': 'max-age=0', ...headers } });
      const bytes = (await answer.arrayBuffer()).byteLength;
      expect((await media.counted(fileId)).bytes - before.bytes).toBe(bytes);
      return [answer.status, bytes];
    };
    const head = await fetch(url, { method: 'HEAD' });
    const [etag, modified] = [head.headers.get('etag')!, head.headers.get('last-modified')!];
    const range = 'bytes=50-59';
    expect(await sent({ range })).toEqual([206, 10]);
    expect(await sent({ range, 'if-range': etag })).toEqual([206, 10]);
    expect(await sent({ range, 'if-range': modified })).toEqual([206, 10]);
    expect(await sent({ range, 'if-range': '"other"' })).toEqual([200, 100_000]);
    expect(await sent({ 'if-none-match': etag })).toEqual([304, 0]);
    expect(await sent({ 'if-none-match': `"other", W/${etag}` })).toEqual([304, 0]);
    expect(await sent({ 'if-modified-since': modified })).toEqual([304, 0]);
    expect(await sent({ 'if-none-match': '"other"' })).toEqual([200, 100_000]);
    expect(await sent({ 'if-none-match': '"other"', 'if-modified-since': modified })).toEqual([200, 100_000]);
  });
});
