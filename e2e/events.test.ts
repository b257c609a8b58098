import type { CreatedSubscriber, Event, Recording, RoomEnded } from '@aircheck/protocol';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { backEnd, publish, record, sentFor, serverForTest } from './support.ts';

describe('a back end that subscribes', () => {
  it('is told of a recording from its start to its file, in order and signed, and of the end of the meeting', async () => {
    const server = await serverForTest({ env: { AIRCHECK_WEBHOOK_ALLOW: '127.0.0.1' } });
    const { url, told } = await backEnd();
    const { secret } = await server.api.request<z.infer<typeof CreatedSubscriber>>('POST', '/v1/subscribers', {
      name: 'back end',
      kind: 'webhook',
      url,
      types: ['recording.*', 'asset.ready', 'room.ended'],
    });
    const publisher = await publish(server, 'lesson', 'ann');
    const { recordingId } = await record(server, 'lesson', { userId: 'ann', fileName: '课程 1' });
    await sentFor(publisher, 2);
    const stopped = await server.api.stopRecording(recordingId);
    await publisher.stop();
    const webhook = new Webhook(secret);
    const events = () =>
      told.map(({ body, headers }) => webhook.verify(body, headers as Record<string, string>) as Event);
    await expect.poll(() => events().at(-1)?.type).toBe('room.ended');

    const ofRecording = events().filter(({ subject }) => subject === recordingId);
    expect(ofRecording.map(({ type }) => type)).toEqual([
      'recording.starting',
      'recording.recording',
      'recording.finalizing',
      'asset.ready',
      'recording.ready',
    ]);
    expect(ofRecording.at(-1)?.data as Recording).toEqual(stopped);
    expect(ofRecording.at(3)?.data).toMatchObject({ fileId: stopped.fileIds[0], fileName: '课程 1', state: 'ready' });
    const ended = events().at(-1)?.data as RoomEnded;
    expect(ended).toMatchObject({ roomId: 'lesson', video: true, participants: [{ userId: 'ann', creator: true }] });
    expect(ended.participants[0]?.durationMs).toBeGreaterThan(2000);
  });

  it('is not reached behind the firewall unless the operator allows it', async () => {
    const server = await serverForTest();
    const { url, told } = await backEnd();
    const body = { name: 'x', kind: 'webhook', url };
    await expect(server.api.request('POST', '/v1/subscribers', body)).rejects.toMatchObject({
      problem: { code: 'target-forbidden', input: 'body.url' },
    });
    expect(told).toEqual([]);
  });
});
