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
    queryFn: () => api.playUrls(fileId, linkSeconds),
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
        <Loaded asset={asset.data} urls={urls.data} />
      ) : (
        error === null && <Skeleton.Node active className="player-skeleton" />
      )}
    </Drawer>
  );
}

function Loaded({ asset, urls }: { asset: Asset; urls: PlayUrls }) {
  const growing = asset.state === 'recording';
  // A file that was growing when it was opened is played over HLS to its end, also when it is finished meanwhile.
  const [source] = useState<PlaySource>(() =>
    growing && urls.hls !== null ? { url: urls.hls, hls: true } : { url: urls.mp4, hls: false },
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
