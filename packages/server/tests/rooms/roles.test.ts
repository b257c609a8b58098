import { afterEach, beforeEach, expect, test } from 'vitest';
import { RecordingWorkers } from './recording-workers.ts';
import { offerSdp, publishRequest, type Service, startService } from './service.ts';

let service: Service<RecordingWorkers>;
beforeEach(async () => {
  service = await startService(new RecordingWorkers());
});
afterEach(() => service.close());

test('a participant lowers its role and takes it up again, and all are told', async () => {
  const anna = await service.joined('anna', 'host');
  const ben = await service.joined('ben', 'guest');
  await ben.request(publishRequest);
  await anna.told('participant-updated', ({ participant }) => participant.tracks.length === 2);

  const lowered = await ben.request({ type: 'change-role', role: 'audience' });
  expect(lowered.result.self).toMatchObject({ userId: 'ben', role: 'audience', tracks: [] });
  // Its picture and sound are gone for everybody, and the worker has no connection of it any more.
  const told = await anna.told('participant-updated', ({ participant }) => participant.role === 'audience');
  expect(told.participant.tracks).toEqual([]);
  const [published] = service.workers.bodies('publish');
  await service.workers.called('closePeer', ({ peerId }) => peerId === published?.peerId);
  const refused = await ben.request({ ...publishRequest, sdp: offerSdp('5000') });
  expect(refused.error).toMatchObject({ code: 'forbidden' });

  const raised = await ben.request({ type: 'change-role', role: 'guest' });
  expect(raised.result.self.role).toBe('guest');
  expect((await ben.request({ ...publishRequest, sdp: offerSdp('5001') })).ok).toBe(true);
  await anna.told('participant-updated', ({ participant }) => participant.tracks.length === 2);
});

test('more than the token allows takes a new token of the same user, for this room or any', async () => {
  await service.joined('anna', 'host');
  const ben = await service.joined('ben', 'audience');
  const changed = async (token?: string) => ben.request({ type: 'change-role', role: 'host', token });
  expect((await changed()).error).toMatchObject({ code: 'forbidden', input: 'role' });
  for (const token of [
    await service.token('cleo', 'host'),
    await service.token('ben', 'guest'),
    await service.token('ben', 'host', 'other'),
  ]) {
    expect((await changed(token)).error).toMatchObject({ code: 'forbidden' });
  }
  expect((await changed('no token')).error).toMatchObject({ code: 'unauthenticated' });
  expect((await changed(await service.token('ben', 'host', '*'))).result.self.role).toBe('host');
  // The new token counts from here on.
  await ben.request({ type: 'change-role', role: 'audience' });
  expect((await ben.request({ type: 'change-role', role: 'host' })).ok).toBe(true);
});

test('who comes back after a broken connection takes over its place with the role that it has by now', async () => {
  await service.joined('anna', 'host');
  const ben = await service.client();
  const token = await service.token('ben', 'guest');
  const { sessionId } = (await ben.request({ type: 'join', token })).result;
  await ben.request({ type: 'change-role', role: 'audience' });
  await ben.drop();
  const again = await service.client();
  const { result } = await again.request({ type: 'join', token, role: 'audience', sessionId });
  expect(result).toMatchObject({ resumed: true, self: { role: 'audience' } });
  expect((await again.request({ type: 'change-role', role: 'guest' })).ok).toBe(true);
});

test('rights over HTTP follow the role, where the token is for any room', async () => {
  const token = await service.token('anna', 'host', '*');
  const anna = await service.client();
  await anna.request({ type: 'join', token, roomId: 'studio' });
  const put = () =>
    service.app.inject({
      method: 'POST',
      url: '/v1/tokens/viewer',
      headers: { authorization: `Bearer ${token}` },
      body: { roomId: 'studio' },
    });
  expect((await put()).statusCode).toBe(201);
  expect(service.rooms.presence('default', 'anna')).toEqual(new Map([['studio', 'host']]));
  await anna.request({ type: 'change-role', role: 'audience' });
  expect(service.rooms.presence('default', 'anna')).toEqual(new Map([['studio', 'audience']]));
});
