import { afterEach, beforeEach, expect, test, vi } from 'vitest';
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

test('an offer that the worker still has when its participant becomes audience is not published', async () => {
  const anna = await service.joined('anna', 'host');
  const ben = await service.client();
  const token = await service.token('ben', 'guest');
  const { sessionId } = (await ben.request({ type: 'join', token })).result;
  const gate = Promise.withResolvers<void>();
  service.workers.gates.set('publish', gate.promise);
  ben.send(JSON.stringify({ id: 9, ...publishRequest }));
  const { peerId } = await service.workers.called('publish');
  // Requests of one connection wait for one another; those of another do not.
  const again = await service.client();
  await again.request({ type: 'join', token, sessionId });
  await again.request({ type: 'change-role', role: 'audience' });
  gate.resolve();
  await service.workers.called('closePeer', (closed) => closed.peerId === peerId);
  await anna.request({ type: 'ping' });
  expect(service.rooms.presence('default', 'ben')).toEqual(new Map([['studio', 'audience']]));
  const tracks = anna.notifications.map((told) => ('participant' in told ? told.participant.tracks.length : 0));
  expect(tracks.every((count) => count === 0)).toBe(true);
});

test('a token that is checked while its participant is replaced changes nobody', async () => {
  const anna = await service.joined('anna', 'host');
  const ben = await service.joined('ben', 'audience');
  const token = await service.token('ben', 'host');
  const user = await service.apps.verifyToken(token);
  const gate = Promise.withResolvers<typeof user>();
  const verify = vi.spyOn(service.apps, 'verifyToken').mockReturnValueOnce(gate.promise);
  ben.send(JSON.stringify({ id: 9, type: 'change-role', role: 'host', token }));
  await expect.poll(() => verify.mock.calls.length).toBe(1);
  const other = await service.joined('ben', 'audience');
  gate.resolve(user);
  await ben.closed;
  await Promise.all([anna, other].map((client) => client.request({ type: 'ping' })));
  expect(service.rooms.presence('default', 'ben')).toEqual(new Map([['studio', 'audience']]));
  const roles = anna.notifications.map((told) => 'participant' in told && told.participant.role);
  expect(roles).not.toContain('host');
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
