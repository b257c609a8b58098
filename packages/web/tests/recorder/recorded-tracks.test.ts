import type { TrackSource } from '@aircheck/protocol';
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
  remoteTracks: Room['remoteTracks'] = [];
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

  it('is the screen where that is wanted, with the microphone, and with what the screen plays where there is none', () => {
    const room = new SeenRoom();
    const send = (...sources: TrackSource[]) => {
      room.remoteTracks = sources.map((source) => ({
        userId: source === 'screen-audio' ? 'cara' : 'ann',
        source,
        kind: source === 'microphone' || source === 'screen-audio' ? 'audio' : 'video',
        mediaStreamTrack: source as unknown as MediaStreamTrack,
        receiver: source as unknown as RTCRtpReceiver,
      })) as unknown as Room['remoteTracks'];
    };
    const screen = (userId = 'ann') =>
      followTracks(room as unknown as Room, { userId }, 'screen', { changed: () => {}, ended: () => {} }).tracks;
    send('camera', 'screen', 'microphone');
    expect(screen()).toEqual({
      video: 'screen',
      audio: ['microphone'],
      receivers: { audio: 'microphone', video: 'screen' },
    });
    // Somebody else's screen plays.
    send('camera', 'screen', 'screen-audio');
    expect(screen()).toEqual({ video: 'screen', audio: [] });
    expect(screen('cara')).toEqual({ video: undefined, audio: ['screen-audio'] });
    // A camera is not recorded with another's sound, nor with what a screen plays.
    expect(follow(room, { userId: 'cara' }).follower.tracks).toEqual({ video: undefined, audio: [] });
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
