import type { Asset, Health } from '@aircheck/protocol';
import { codecName } from '../../components/codec-names.ts';
import { useCopy } from '../../components/copy.tsx';
import { HealthBadge, HealthDetails } from '../../components/health-badge.tsx';
import { CopyIcon } from '../../components/icons.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { addressOf } from '../../router.ts';

/** What a file is made of, where it came from, and when. @param linked - false where a link would lead out of a room */
export function Facts({ asset, linked = true }: { asset: Asset; linked?: boolean }) {
  const { t, format } = useLibraryI18n();
  const { video, audio, roomId, userId } = asset;
  const room =
    roomId !== null && linked ? (
      <a className="asset-link" href={addressOf.library(`room=${encodeURIComponent(roomId)}`)}>
        {roomId}
      </a>
    ) : (
      (roomId ?? '–')
    );
  const rows: [string, React.ReactNode][] = [
    [t('facts.room'), room],
    [t('facts.person'), userId ?? '–'],
    [t('asset.source'), t(`source.of.${asset.source}`)],
    [t('facts.started'), format.exactTime(asset.startedAt)],
    [t('asset.ended'), asset.endedAt === null ? '–' : format.exactTime(asset.endedAt)],
    [t('facts.length'), `${format.duration(asset.durationMs)} (${format.count(Math.round(asset.durationMs))} ms)`],
    [t('facts.size'), `${format.size(asset.sizeBytes)} (${format.count(asset.sizeBytes)} B)`],
    [
      t('facts.video'),
      video === null
        ? '–'
        : `${codecName(video.codec)} · ${video.width}×${video.height} · ${format.number(video.fps)} fps · ${format.bitrate(video.bitrateBps)}`,
    ],
    [
      t('facts.audio'),
      audio === null
        ? '–'
        : `${codecName(audio.codec)} · ${format.number(audio.sampleRate / 1000)} kHz · ${t('facts.channels', { count: audio.channels })} · ${format.bitrate(audio.bitrateBps)}`,
    ],
    [t('asset.mimeType'), asset.mimeType],
    [t('facts.fileId'), <Copied key="id" value={asset.fileId} />],
    ...(asset.recordingId === null
      ? []
      : [[t('asset.recording'), <Copied key="recording" value={asset.recordingId} />] as [string, React.ReactNode]]),
    ['SHA-256', asset.sha256 === null ? t('asset.digestPending') : <Copied key="sha" value={asset.sha256} />],
    ['MD5', asset.md5 === null ? t('asset.digestPending') : <Copied key="md5" value={asset.md5} />],
  ];
  return (
    <dl className="fact-rows">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** All of the health report, not folded into a badge. */
export function WholeHealth({ health }: { health: Health }) {
  return (
    <div className="whole-health">
      <HealthBadge health={health} />
      <HealthDetails health={health} />
    </div>
  );
}

function Copied({ value }: { value: string }) {
  const { t } = useLibraryI18n();
  const copy = useCopy();
  return (
    <button type="button" className="copied" title={t('copy.copy')} onClick={() => void copy(value, t('copy.done'))}>
      <code className="ellipsis">{value}</code>
      <CopyIcon size={13} />
    </button>
  );
}
