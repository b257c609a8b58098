import type { PlayUrls } from '@aircheck/protocol';
import { Button } from 'antd';
import type HlsPlayer from 'hls.js';
import { useEffect, useRef, useState } from 'react';
import { useI18n } from '../../i18n/i18n.tsx';

interface PlayerProps {
  readonly urls: PlayUrls;
  /** Play by the playlist: from the end of a file that is still being written, and back to its start. */
  readonly overHls: boolean;
  readonly growing: boolean;
  readonly audioOnly: boolean;
}

/** Seconds behind the end of a growing file up to which one counts as watching live. */
const liveWindowSeconds = 15;

/** Plays a file: finished ones as they are, growing ones over HLS. */
export function Player({ urls, overHls, growing, audioOnly }: PlayerProps) {
  const { t } = useI18n();
  const video = useRef<HTMLVideoElement>(null);
  const [failed, setFailed] = useState(false);
  const [behind, setBehind] = useState(false);

  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    setFailed(false);
    if (!overHls || urls.hls === null) {
      element.src = urls.mp4;
      return () => unload(element);
    }
    const { hls: playlist } = urls;
    let over = false;
    let player: HlsPlayer | undefined;
    // Only who watches a running recording needs the library.
    import('hls.js').then(
      ({ default: Hls }) => {
        if (over) return;
        if (!Hls.isSupported()) {
          // Safari on iPhones has no Media Source Extensions, and plays HLS by itself.
          element.src = playlist;
          return;
        }
        player = new Hls({ liveDurationInfinity: true, liveSyncDurationCount: 2, enableWorker: true });
        player.on(Hls.Events.ERROR, (_, { fatal }) => {
          if (fatal) setFailed(true);
        });
        player.loadSource(playlist);
        player.attachMedia(element);
      },
      () => setFailed(true),
    );
    return () => {
      over = true;
      player?.destroy();
      unload(element);
    };
  }, [urls, overHls]);

  const look = () => {
    const element = video.current;
    if (element === null || !growing || element.seekable.length === 0) return;
    setBehind(element.seekable.end(element.seekable.length - 1) - element.currentTime > liveWindowSeconds);
  };
  const jumpToLive = () => {
    const element = video.current;
    if (element === null || element.seekable.length === 0) return;
    element.currentTime = element.seekable.end(element.seekable.length - 1) - 1;
    void element.play();
  };

  return (
    <div className="player" data-audio={audioOnly}>
      {/* biome-ignore lint/a11y/useMediaCaption: recordings carry no captions */}
      <video
        ref={video}
        controls
        autoPlay
        playsInline
        onTimeUpdate={look}
        onError={() => setFailed(true)}
        data-testid="player-video"
      />
      {growing && !failed && (
        <div className="player-live">
          <span className="rec-badge" data-state={behind ? 'paused' : 'recording'}>
            <i />
            {t('player.live')}
          </span>
          {behind && (
            <Button size="small" onClick={jumpToLive}>
              {t('player.toLive')}
            </Button>
          )}
        </div>
      )}
      {failed && <div className="player-failed">{t('player.failed')}</div>}
    </div>
  );
}

function unload(element: HTMLVideoElement): void {
  element.removeAttribute('src');
  element.load();
}
