import { once } from 'node:events';
import { AircheckError } from '@aircheck/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { SafeHttp, TargetGuard } from '../../src/events/index.ts';
import { type Receiver, startReceiver } from './receiver.ts';

const open: Receiver[] = [];
afterEach(async () => {
  for (const receiver of open.splice(0)) await receiver.close();
});

describe('addresses', () => {
  const guard = new TargetGuard([]);

  it.each([
    ['0.0.0.0', 'this host'],
    ['10.1.2.3', 'private'],
    ['100.64.0.1', 'carrier'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['169.254.169.254', 'link-local: metadata of cloud machines'],
    ['172.16.0.1', 'private'],
    ['192.0.2.1', 'documentation'],
    ['192.168.1.1', 'private'],
    ['198.18.0.1', 'benchmarks'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::7f00:1', 'IPv4-compatible'],
    ['::ffff:127.0.0.1', 'IPv4-mapped'],
    ['::ffff:a00:1', 'IPv4-mapped'],
    ['::ffff:0:7f00:1', 'IPv4-translated'],
    ['64:ff9b::7f00:1', 'NAT64'],
    ['2002:7f00:1::', '6to4'],
    ['fc00::1', 'unique local'],
    ['fe80::1', 'link-local'],
    ['fe80::1%lo', 'link-local'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['2001:db8::1', 'documentation'],
    ['somewhere', 'no address'],
    ['', 'no address'],
  ])('%s is refused (%s)', (address) => {
    expect(guard.allowsAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111', '2400:3200::1', '::ffff:8.8.8.8'])('%s is public', (address) => {
    expect(guard.allowsAddress(address)).toBe(true);
  });

  it('of networks that the operator allows pass, and no others', () => {
    const allowing = new TargetGuard(['10.1.0.0/16', 'fd00::/8', '127.0.0.1']);
    const passed = ['10.1.255.1', '10.2.0.1', 'fd12::1', 'fc00::1', '127.0.0.1', '127.0.0.2', '::ffff:10.1.0.1'];
    expect(passed.filter((address) => allowing.allowsAddress(address))).toEqual([
      '10.1.255.1',
      'fd12::1',
      '127.0.0.1',
      '::ffff:10.1.0.1',
    ]);
    expect(new TargetGuard(['*']).allowsAddress('127.0.0.1')).toBe(true);
  });
});

describe('URLs', () => {
  const guard = new TargetGuard([]);

  // The URL standard reads all of these as 127.0.0.1, ::1 or as IPv4-mapped.
  it.each([
    'http://127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1:8080/',
    'http://user:secret@127.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'http://１２７.０.０.１/',
    'http://0/',
  ])('%s is refused', async (text) => {
    expect(() => guard.checkUrl(new URL(text), 'body.url')).toThrow(AircheckError);
    await expect(guard.checkHost(new URL(text), 'body.url')).rejects.toMatchObject({
      code: 'target-forbidden',
      input: 'body.url',
      hint: expect.stringContaining('AIRCHECK_WEBHOOK_ALLOW'),
    });
  });

  it.each(['file:///etc/passwd', 'ftp://example.com/', 'gopher://example.com/'])('%s is refused', (text) => {
    expect(() => guard.checkUrl(new URL(text))).toThrow(/neither http: nor https:/);
  });

  it('of hosts that lead to a private address are refused ahead; those that cannot be resolved are not', async () => {
    await expect(guard.checkHost(new URL('http://localhost:1/'))).rejects.toMatchObject({ code: 'target-forbidden' });
    await guard.checkHost(new URL('http://nowhere.invalid/'));
    await new TargetGuard(['localhost']).checkHost(new URL('http://localhost:1/'));
  });
});

describe('connections', () => {
  async function requested(allow: readonly string[], host: string): Promise<{ code: string; requests: number }> {
    const receiver = await startReceiver();
    open.push(receiver);
    const http = new SafeHttp(new TargetGuard(allow));
    try {
      const url = new URL(receiver.url.replace('127.0.0.1', host));
      const code = await http.request(url, { method: 'GET' }).then(
        async (response) => {
          response.resume();
          await once(response, 'end');
          return String(response.statusCode);
        },
        (error: { code?: string }) => error.code ?? 'none',
      );
      return { code, requests: receiver.received.length };
    } finally {
      http.close();
    }
  }

  it('are not made to a name that resolves to a private address, whatever was looked up before', async () => {
    expect(await requested([], 'localhost')).toEqual({ code: 'target-forbidden', requests: 0 });
    expect(await requested([], '127.0.0.1')).toEqual({ code: 'target-forbidden', requests: 0 });
    const http = new SafeHttp(new TargetGuard([]));
    const secure = http.request(new URL('https://localhost:1/'), { method: 'GET' });
    await expect(secure).rejects.toMatchObject({ code: 'target-forbidden' });
    expect(await requested(['10.0.0.0/8'], 'localhost')).toEqual({ code: 'target-forbidden', requests: 0 });
  });

  it('are not made to a name that had a public address when it was checked (DNS rebinding)', async () => {
    const receiver = await startReceiver();
    open.push(receiver);
    const answers = [['93.184.216.34'], ['127.0.0.1'], ['::1', '127.0.0.1']];
    const guard = new TargetGuard([], (_host, _options, callback) => {
      const addresses = answers.shift() ?? [];
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    });
    const url = new URL(receiver.url.replace('127.0.0.1', 'rebinding.example'));
    await guard.checkHost(url);
    const http = new SafeHttp(guard);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(http.request(url, { method: 'POST', body: '{}' })).rejects.toMatchObject({
        code: 'target-forbidden',
      });
    }
    expect(answers).toEqual([]);
    expect(receiver.received).toEqual([]);
    http.close();
  });

  it.each([[['localhost']], [['127.0.0.0/8']], [['*']]])('are made where %o is allowed', async (allow) => {
    expect(await requested(allow, 'localhost')).toEqual({ code: '200', requests: 1 });
  });
});
