import type { EndReason, Recording } from '@aircheck/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { LocalTrack, Room } from '../../src/core/index.ts';
import { TypedEmitter } from '../../src/core/typed-emitter.ts';
import { HostRecording } from '../../src/netcall/host-recording.ts';

/** What a host's recording sees of a room. */
class HostsRoom extends TypedEmitter<{ 'local-track-added': [LocalTrack]; recording: [Recording]; closed: [] }> {
  readonly roomId = 'live';
  readonly self = { userId: 'host' };
  state = 'connected';
  localTracks = [{ kind: 'audio', source: 'microphone' }] as LocalTrack[];
  recordings: Recording[] = [];
  bitrateBps = 0;
  started = 0;

  async startRecording() {
    this.started += 1;
    return { recordingId: String(this.started) };
  }

  async statistics() {
    return { sent: new Map([['microphone', { bitrateBps: this.bitrateBps }]]) };
  }

  add(): void {
    const track = { kind: 'audio', source: 'screen-audio' } as LocalTrack;
    this.localTracks.push(track);
    this.emit('local-track-added', track);
  }

  end(endReason: EndReason): void {
    const state = endReason === 'no-media' ? 'failed' : 'ready';
    this.emit('recording', { recordingId: String(this.started), state, endReason } as Recording);
  }
}

let room: HostsRoom;
beforeEach(async () => {
  vi.useFakeTimers();
  room = new HostsRoom();
  new HostRecording(room as unknown as Room, false, () => {});
  await vi.advanceTimersByTimeAsync(10);
  expect(room.started).toBe(1);
});
afterEach(() => {
  vi.useRealTimers();
});

test('a recording that somebody stopped is not begun again', async () => {
  room.bitrateBps = 40_000;
  room.end('stopped');
  room.add();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(room.started).toBe(1);
});

test.each(['idle', 'no-media', 'drained'] as const)(
  'after the end %s, it goes on when media flows again',
  async (reason) => {
    room.end(reason);
    await vi.advanceTimersByTimeAsync(180_000);
    expect(room.started).toBe(1);
    room.bitrateBps = 40_000;
    room.state = 'reconnecting';
    await vi.advanceTimersByTimeAsync(5000);
    expect(room.started).toBe(1);
    room.state = 'connected';
    await vi.advanceTimersByTimeAsync(2000);
    expect(room.started).toBe(2);
    room.end('stopped');
  },
);

test.each(['idle', 'storage-full'] as const)('after the end %s, another track begins another file', async (reason) => {
  room.end(reason);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(room.started).toBe(1);
  room.add();
  await vi.advanceTimersByTimeAsync(10);
  expect(room.started).toBe(2);
});
