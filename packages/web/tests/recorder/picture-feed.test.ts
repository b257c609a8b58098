import { describe, expect, it } from 'vitest';
import { feedPictures } from '../../src/recorder/capture/picture-feed.ts';

class FakeTrack {
  enabled = true;
  readonly copies: FakeTrack[] = [];

  clone(): FakeTrack {
    const copy = new FakeTrack();
    this.copies.push(copy);
    return copy;
  }
}

describe('pictures of a track that is given to the worker', () => {
  it('are taken away from it while the page has the track switched off', () => {
    const track = new FakeTrack();
    const posted: unknown[] = [];
    const feed = feedPictures(track as unknown as MediaStreamTrack, (message) => posted.push(message));
    feed.look();
    expect(posted).toEqual([{ type: 'video-track', track: track.copies[0] }]);
    track.enabled = false;
    feed.look();
    feed.look();
    expect(posted.slice(1)).toEqual([{ type: 'video-end' }]);
    track.enabled = true;
    feed.look();
    expect(posted.slice(2)).toEqual([{ type: 'video-track', track: track.copies[1] }]);
    feed.end();
    expect(posted.slice(3)).toEqual([{ type: 'video-end' }]);
  });
});
