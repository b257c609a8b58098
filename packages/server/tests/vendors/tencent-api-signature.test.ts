import { expect, it } from 'vitest';
import { Nonces } from '../../src/vendors/tencent/api/nonces.ts';
import { parseParameters } from '../../src/vendors/tencent/api/parameters.ts';
import { verifyCall } from '../../src/vendors/tencent/api/signature.ts';
import { describeOnBothDatabases } from '../databases.ts';
import { tencentClient } from './tencent-client.ts';

const app = { appId: 'default', secret: new TextEncoder().encode('a secret of the tests') };
const hour = 3_600_000;

describeOnBothDatabases('calls that were signed by the client of the vendor', (database) => {
  const clock = { nowMs: Date.now(), now: () => clock.nowMs };
  const client = tencentClient('http://127.0.0.1:8080', 'key', 'a secret of the tests');
  const verify = (query: string, nonces = new Nonces(database.db, clock)) =>
    verifyCall(
      { method: 'GET', hosts: ['127.0.0.1:8080'], path: '/v2/index.php', values: parseParameters(query, '') },
      { secretOf: (key) => (key === 'key' ? app : undefined), nonces, clock },
    );

  it('are theirs once, also after a restart, as long as their time is good', async () => {
    clock.nowMs = Date.now();
    const query = client.generateQueryString({ Action: 'DescribeClass' });
    expect(await verify(query)).toMatchObject({ appId: 'default' });
    await expect(verify(query)).rejects.toMatchObject({ code: 'request-replayed' });
    clock.nowMs += 2 * hour - 2000;
    await expect(verify(query)).rejects.toMatchObject({ code: 'request-replayed' });
    clock.nowMs += 4000;
    await expect(verify(query)).rejects.toMatchObject({ code: 'request-expired' });
  });

  it('are forgotten when their time is over', async () => {
    clock.nowMs = Date.now();
    const nonces = new Nonces(database.db, clock);
    for (let number = 0; number < 5; number++) {
      await verify(client.generateQueryString({ Action: 'DescribeClass', number }), nonces);
    }
    const count = async () => (await database.db.selectFrom('nonces').select('nonce').execute()).length;
    expect(await count()).toBe(5);
    clock.nowMs += 2 * hour + 2000;
    const Timestamp = Math.round(clock.nowMs / 1000);
    await verify(client.generateQueryString({ Action: 'DescribeClass', Timestamp }), nonces);
    expect(await count()).toBe(1);
  });

  it('keep names, lists and objects apart', async () => {
    clock.nowMs = Date.now();
    const { parameters } = await verify(
      client.generateQueryString({
        Action: 'Test',
        Some_name: 'dots',
        base0: ['a', 'b'],
        'base1.1': 'a',
        'base1.2': 'b',
        single: 'a',
        long: Array.from({ length: 12 }, (_, index) => index),
        pullset: [{ url: 'one', fileName: 'first' }, { url: 'two' }],
        video: { codec: 'libx264', nested: { deep: 1 } },
      }),
    );
    expect(parameters.text('Some.name')).toBe('dots');
    expect(parameters.list('base0')).toEqual(['a', 'b']);
    expect(parameters.list('base1')).toEqual(['a', 'b']);
    expect(parameters.list('single')).toEqual(['a']);
    expect(parameters.list('long')).toEqual(Array.from({ length: 12 }, (_, index) => String(index)));
    expect(parameters.list('absent')).toEqual([]);
    expect(parameters.objects('pullset').map((pull) => [pull.text('url'), pull.text('fileName')])).toEqual([
      ['one', 'first'],
      ['two', undefined],
    ]);
    const video = parameters.object('video');
    expect([video.text('codec'), video.object('nested').integer('deep', 0, 9)]).toEqual(['libx264', 1]);
    expect(() => parameters.objects('pullset')[1]!.required('fileName')).toThrow('pullset.1.fileName is missing');
    expect(() => video.object('nested').integer('deep', 2, 9)).toThrow('video.nested.deep must be a whole number');
  });
});
