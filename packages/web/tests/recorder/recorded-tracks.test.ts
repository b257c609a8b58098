import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Room, RoomEvents } from '../../src/core/index.ts';
import { TypedEmitter } from '../../src/core/typed-emitter.ts';
import { followTracks } from '../../src/recorder/capture/index.ts';
import type { RecordedSource } from '../../src/recorder/start-options.ts';

/** What a follower sees of a room; tests say what happens in it. */
class SeenRoom extends TypedEmitter<RoomEvents> {
  state: Room['state'] = 'connected';
  participants = [{ userId: 'ann' }] as unknown as Room['participants'];
  readonly self = { userId: 'ben' };
  readonly remoteTracks = [];
  readonly localTracks = [];

  tell<Name extends keyof RoomEvents>(name: Name, ...args: RoomEvents[Name]): void {
    this.emit(name, ...args);
  }
}

function follow(room: SeenRoom, source: RecordedSource) {
  const ended: string[] = [];
  const follower = followTracks(room as unknown as Room, source, 'camera', {
    changed: () => {},
    ended: (reason) => ended.push(reason),
  });
  return { follower, ended };
}

describe('what is recorded', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is over when its participant leaves, before it was followed or afterwards', () => {
    const room = new SeenRoom();
    const [ann] = room.participants;
    const { follower, ended } = follow(room, { userId: 'ann' });
    follower.check();
    expect(ended).toEqual([]);
    room.tell('participant-left', ann!);
    expect(ended).toEqual(['left']);

    room.participants = [];
    const late = follow(room, { userId: 'ann' });
    late.follower.check();
    expect(late.ended).toEqual(['left']);
    const mix = follow(room, { mix: true });
    mix.follower.check();
    expect(mix.ended).toEqual([]);
    room.state = 'closed';
    mix.follower.check();
    expect(mix.ended).toEqual(['left']);
  });

  it.each([true, false])('waits for who is not back yet after a reconnect (comes back: %s)', async (comesBack) => {
    const room = new SeenRoom();
    const [ann] = room.participants;
    const { follower, ended } = follow(room, { userId: 'ann' });
    room.participants = [];
    room.tell('state', 'connected');
    room.tell('participant-left', ann!);
    await vi.advanceTimersByTimeAsync(14_000);
    follower.check();
    expect(ended).toEqual([]);
    if (comesBack) {
      room.participants = [ann!];
      room.tell('participant-joined', ann!);
    }
    await vi.advanceTimersByTimeAsync(2000);
    follower.check();
    expect(ended.slice(0, 1)).toEqual(comesBack ? [] : ['left']);
    // From then on who leaves has left.
    if (comesBack) room.tell('participant-left', ann!);
    expect(ended[0]).toBe('left');
    follower.close();
  });

  it('is over when the page itself stops its tracks, which no event tells', () => {
    const video = Object.assign(new EventTarget(), { readyState: 'live' }) as unknown as MediaStreamTrack;
    const { follower, ended } = follow(new SeenRoom(), { video });
    follower.check();
    expect(ended).toEqual([]);
    Object.assign(video, { readyState: 'ended' });
    follower.check();
    expect(ended).toEqual(['tracks-ended']);
  });
});
