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
import { useI18n } from '../../i18n/i18n.tsx';
import { codecNames } from './codec-names.ts';
import { Player } from './player.tsx';

interface PlayerDrawerProps {
  readonly fileId: string;
  readonly api: RestClient;
  onClose(): void;
}

const linkSeconds = 86_400;
const refreshMs = 3_000;

/** A file with its player, what it is made of, and ways to take it along. */
export default function PlayerDrawer({ fileId, api, onClose }: PlayerDrawerProps) {
  const { t } = useI18n();
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
  // A file that was growing when it was opened is played over HLS to its end, also when it is finished meanwhile.
  const [overHls] = useState(asset.state === 'recording');
  return (
    <div className="stack">
      <Player urls={urls} overHls={overHls} growing={asset.state === 'recording'} audioOnly={asset.video === null} />
      <Actions asset={asset} urls={urls} />
      <Facts asset={asset} />
    </div>
  );
}

function Actions({ asset, urls }: { asset: Asset; urls: PlayUrls }) {
  const { t } = useI18n();
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

function Facts({ asset }: { asset: Asset }) {
  const { t, format } = useI18n();
  const { video, audio } = asset;
  const rows: [string, string][] = [
    [t('facts.room'), asset.roomId ?? '–'],
    [t('facts.person'), asset.userId ?? '–'],
    [t('facts.started'), format.dateTime(asset.startedAt)],
    [t('facts.length'), format.duration(asset.durationMs)],
    [t('facts.size'), format.size(asset.sizeBytes)],
    [
      t('facts.video'),
      video === null
        ? '–'
        : `${codecNames[video.codec]} · ${video.width}×${video.height} · ${format.number(video.fps)} fps · ${format.bitrate(video.bitrateBps)}`,
    ],
    [
      t('facts.audio'),
      audio === null
        ? '–'
        : `${codecNames[audio.codec]} · ${format.number(audio.sampleRate / 1000)} kHz · ${t('facts.channels', { count: audio.channels })} · ${format.bitrate(audio.bitrateBps)}`,
    ],
    [t('facts.fileId'), asset.fileId],
  ];
  return (
    <dl className="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The file's name with the extension of what it is, without what file systems do not take. */
function downloadName({ fileName, mimeType }: Asset): string {
  const extension = mimeType.includes('webm') ? '.webm' : '.mp4';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const name = fileName.replace(/[\u0000-\u001f\\/:*?"<>|]/g, '_');
  return name.toLowerCase().endsWith(extension) ? name : `${name}${extension}`;
}
