import type { RoomEnded } from '@aircheck/protocol';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { Meeting } from '../../src/rooms/meeting.ts';
import { RecordingWorkers } from './recording-workers.ts';
import { publishRequest, type Service, startService } from './service.ts';

it('adds up the times that each was there', () => {
  const meeting = new Meeting('studio', 1_000_000);
  meeting.joined('anna', 1_000_000);
  meeting.joined('ben', 1_010_000);
  // With another session: still there.
  meeting.joined('ben', 1_015_000);
  meeting.left('ben', 1_020_000);
  meeting.left('ben', 1_021_000);
  meeting.left('nobody', 1_021_000);
  meeting.joined('ben', 1_030_000);
  meeting.left('ben', 1_032_500);
  const ended = meeting.endingAt(1_040_000);
  expect(ended).toEqual({
    roomId: 'studio',
    channelId: expect.stringMatching(/^\d+$/),
    startedAt: new Date(1_000_000).toISOString(),
    endedAt: new Date(1_040_000).toISOString(),
    video: false,
    participants: [
      { userId: 'anna', creator: true, durationMs: 40_000 },
      { userId: 'ben', creator: false, durationMs: 12_500 },
    ],
  });
});

describe('the end of a meeting', () => {
  let service: Service<RecordingWorkers>;
  beforeEach(async () => {
    service = await startService(new RecordingWorkers());
  });
  afterEach(() => service.close());
  const ended = () => service.eventsOf<RoomEnded>('room.ended');

  test('is told when the last participant has left, once for each meeting', async () => {
    const anna = await service.joined('anna', 'host');
    const ben = await service.joined('ben', 'guest');
    await anna.request(publishRequest);
    await anna.request({ type: 'leave' });
    expect(await ended()).toEqual([]);
    await ben.request({ type: 'leave' });
    await expect.poll(async () => (await ended()).length).toBe(1);
    const cleo = await service.joined('cleo', 'host');
    await cleo.request({ type: 'leave' });
    await expect.poll(async () => (await ended()).length).toBe(2);
    const [first, second] = await ended();
    expect(first).toMatchObject({ roomId: 'studio', video: true });
    expect(first?.participants.map(({ userId, creator }) => [userId, creator])).toEqual([
      ['anna', true],
      ['ben', false],
    ]);
    expect(second).toMatchObject({ video: false, participants: [{ userId: 'cleo', creator: true }] });
    expect(second?.channelId).not.toBe(first?.channelId);
  });

  test('is told when the room is deleted, and when the server ends', async () => {
    await service.joined('anna', 'host');
    await service.asServer('DELETE', '/v1/rooms/studio');
    await expect.poll(async () => (await ended()).length).toBe(1);
    await service.joined('ben', 'host');
    service.rooms.close();
    await service.rooms.settled();
    expect((await ended()).map(({ participants }) => participants[0]?.userId)).toEqual(['anna', 'ben']);
  });
});
