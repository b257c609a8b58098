import type { TrackSource } from '@aircheck/protocol';
import {
  browserPlatform,
  captureCamera,
  captureMicrophone,
  captureScreen,
  type Devices,
  listDevices,
} from '@aircheck/web';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';

type Tracks = Partial<Record<TrackSource, MediaStreamTrack>>;

/** Camera, microphone and screen as they are tried out before joining. */
export interface LobbyMedia {
  readonly tracks: Tracks;
  readonly devices: Devices;
  readonly busy: ReadonlySet<TrackSource>;
  /** Switches a source on, on another device when one is named. Rejects as `getUserMedia` does. */
  start(source: 'camera' | 'microphone' | 'screen', deviceId?: string): Promise<void>;
  stop(source: 'camera' | 'microphone' | 'screen'): void;
  /** Hands the tracks over: they are not stopped with the lobby. */
  takeTracks(): [MediaStreamTrack, TrackSource][];
}

const publishOrder: readonly TrackSource[] = ['microphone', 'camera', 'screen', 'screen-audio'];
const noDevices: Devices = { cameras: [], microphones: [], speakers: [] };

export function useLobbyMedia(): LobbyMedia {
  const platform = useMemo(browserPlatform, []);
  const [tracks, setTracks] = useState<Tracks>({});
  const [devices, setDevices] = useState(noDevices);
  const [busy, setBusy] = useState<ReadonlySet<TrackSource>>(new Set());
  const current = useRef<Tracks>({});
  const gone = useRef(false);

  const put = useCallback((source: TrackSource, track: MediaStreamTrack | undefined) => {
    const { [source]: former, ...others } = current.current;
    if (former !== track) former?.stop();
    current.current = track === undefined ? others : { ...others, [source]: track };
    setTracks(current.current);
    track?.addEventListener('ended', () => {
      if (current.current[source] === track) put(source, undefined);
    });
  }, []);

  const refreshDevices = useCallback(() => {
    listDevices(platform).then(setDevices, () => setDevices(noDevices));
  }, [platform]);

  useEffect(() => {
    gone.current = false;
    refreshDevices();
    platform.mediaDevices?.addEventListener('devicechange', refreshDevices);
    return () => {
      gone.current = true;
      platform.mediaDevices?.removeEventListener('devicechange', refreshDevices);
      for (const track of Object.values(current.current)) track.stop();
    };
  }, [platform, refreshDevices]);

  const stop = useCallback<LobbyMedia['stop']>(
    (source) => {
      put(source, undefined);
      if (source === 'screen') put('screen-audio', undefined);
    },
    [put],
  );

  return {
    tracks,
    devices,
    busy,
    async start(source, deviceId) {
      setBusy((sources) => new Set([...sources, source]));
      try {
        const captured: Tracks = {};
        if (source === 'screen') {
          const { video, audio } = await captureScreen(platform);
          captured.screen = video;
          if (audio !== undefined) captured['screen-audio'] = audio;
        } else {
          captured[source] = await (source === 'camera' ? captureCamera : captureMicrophone)(platform, deviceId);
        }
        for (const [name, track] of Object.entries(captured) as [TrackSource, MediaStreamTrack][]) {
          // The user left the lobby while the browser still asked for permission.
          if (gone.current) track.stop();
          else put(name, track);
        }
        refreshDevices();
      } finally {
        setBusy((sources) => new Set([...sources].filter((one) => one !== source)));
      }
    },
    stop,
    takeTracks() {
      const taken = publishOrder.flatMap((source): [MediaStreamTrack, TrackSource][] => {
        const track = current.current[source];
        return track === undefined ? [] : [[track, source]];
      });
      current.current = {};
      return taken;
    },
  };
}
