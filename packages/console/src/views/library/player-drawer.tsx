import type { Asset, PlayUrls } from '@aircheck/protocol';
import type { RestClient } from '@aircheck/web';
import { useQuery } from '@tanstack/react-query';
import { Button, Drawer, Skeleton } from 'antd';
import { useState } from 'react';
import { useCopy } from '../../components/copy.tsx';
import { HealthBadge } from '../../components/health-badge.tsx';
import { CopyIcon, DownloadIcon } from '../../components/icons.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { StateBadge } from '../../components/state-badge.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { downloadName } from '../asset/download-name.ts';
import { Facts } from '../asset/facts.tsx';
import { Player, type PlaySource } from '../asset/player.tsx';
import { isEnded } from '../room/use-room.ts';
import '../../library.css';

interface PlayerDrawerProps {
  readonly fileId: string;
  readonly api: RestClient;
  onClose(): void;
}

const linkSeconds = 86_400;
const refreshMs = 3_000;

/** A file beside what is going on in a room: played, described, and taken along. Guests see it, too. */
export default function PlayerDrawer({ fileId, api, onClose }: PlayerDrawerProps) {
  const { t } = useLibraryI18n();
  const asset = useQuery({
    queryKey: ['asset', fileId],
    queryFn: ({ signal }) => api.asset(fileId, signal),
    refetchInterval: ({ state }) => (state.data?.state === 'recording' ? refreshMs : false),
  });
  const urls = useQuery({
    queryKey: ['play-urls', fileId],
    queryFn: () => linksOf(api, asset.data!),
    enabled: asset.data !== undefined,
    // A new link would start the player anew.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const error = asset.error ?? urls.error;
  return (
    <Drawer
      open
      onClose={onClose}
      placement="right"
      size="min(100vw, 880px)"
      title={<span className="ellipsis">{asset.data?.fileName ?? t('player.title')}</span>}
      data-testid="player"
    >
      {error !== null && <ProblemAlert error={error} />}
      {asset.data !== undefined && urls.data !== undefined ? (
        <Loaded asset={asset.data} links={urls.data} api={api} />
      ) : (
        error === null && <Skeleton.Node active className="player-skeleton" />
      )}
    </Drawer>
  );
}

interface Links {
  readonly urls: PlayUrls;
  /** The recording that the file is growing in, from its beginning on. */
  readonly live: { readonly recordingId: string; readonly hls: string } | undefined;
}

async function linksOf(api: RestClient, { fileId, recordingId, state }: Asset): Promise<Links> {
  const urls = await api.playUrls(fileId, linkSeconds);
  if (state !== 'recording' || recordingId === null) return { urls, live: undefined };
  const { hls } = await api.recordingPlayUrls(recordingId, linkSeconds);
  return { urls, live: hls === null ? undefined : { recordingId, hls } };
}

function Loaded({ asset, links: { urls, live }, api }: { asset: Asset; links: Links; api: RestClient }) {
  const recording = useQuery({
    queryKey: ['recording', live?.recordingId],
    queryFn: ({ signal }) => api.recording(live!.recordingId, signal),
    enabled: live !== undefined,
    refetchInterval: ({ state }) => (state.data !== undefined && isEnded(state.data) ? false : refreshMs),
  });
  // Who watches a recording goes on with it, also when its next file begins.
  const growing =
    live === undefined ? asset.state === 'recording' : recording.data === undefined || !isEnded(recording.data);
  // What was growing when it was opened is played over HLS to its end, also when it is finished meanwhile.
  const [source] = useState<PlaySource>(() =>
    live === undefined ? { url: urls.mp4, hls: false } : { url: live.hls, hls: true },
  );
  return (
    <div className="stack">
      <Player
        source={source}
        growing={growing}
        audioOnly={asset.video === null}
        poster={urls.poster}
        sprite={urls.sprite}
      />
      <Actions asset={asset} urls={urls} />
      <Facts asset={asset} linked={false} />
    </div>
  );
}

function Actions({ asset, urls }: { asset: Asset; urls: PlayUrls }) {
  const { t } = useLibraryI18n();
  const copy = useCopy();
  return (
    <div className="row player-actions">
      <StateBadge state={asset.state} />
      <HealthBadge health={asset.health} />
      <div className="spacer" />
      <Button icon={<CopyIcon />} onClick={() => void copy(urls.mp4, t('player.copied'))} data-testid="copy-link">
        {t('player.copy')}
      </Button>
      <Button
        icon={<DownloadIcon />}
        href={urls.mp4}
        download={downloadName(asset)}
        disabled={asset.state !== 'ready'}
        data-testid="download"
      >
        {t('player.download')}
      </Button>
    </div>
  );
}
