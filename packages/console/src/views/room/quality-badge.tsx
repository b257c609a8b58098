import type { RoomStatistics } from '@aircheck/web';
import { Popover } from 'antd';
import { useI18n } from '../../i18n/i18n.tsx';

const strength = { good: 3, fair: 2, poor: 1, unknown: 0 } as const;

/** Three bars, and on a click the figures behind them. */
export function QualityBadge({ statistics }: { statistics: RoomStatistics | undefined }) {
  const { t, format } = useI18n();
  const quality = statistics?.quality ?? 'unknown';
  const rows: [string, string][] = [
    [t('quality.roundTrip'), statistics?.roundTripMs === undefined ? '–' : format.milliseconds(statistics.roundTripMs)],
    [
      t('quality.available'),
      statistics?.availableOutgoingBitrateBps === undefined
        ? '–'
        : format.bitrate(statistics.availableOutgoingBitrateBps),
    ],
  ];
  for (const [track, { bitrateBps, width, height, framesPerSecond }] of statistics?.sent ?? []) {
    const picture = width === undefined ? '' : ` · ${width}×${height} · ${Math.round(framesPerSecond ?? 0)} fps`;
    rows.push([`↑ ${t(`source.${track.source}`)}`, `${format.bitrate(bitrateBps)}${picture}`]);
  }
  for (const [track, { bitrateBps, width, height, framesPerSecond }] of statistics?.received ?? []) {
    const picture = width === undefined ? '' : ` · ${width}×${height} · ${Math.round(framesPerSecond ?? 0)} fps`;
    rows.push([`↓ ${track.userId} · ${t(`source.${track.source}`)}`, `${format.bitrate(bitrateBps)}${picture}`]);
  }
  return (
    <Popover
      trigger="click"
      placement="bottom"
      title={t(`quality.${quality}`)}
      content={
        <dl className="quality-details">
          {rows.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      }
    >
      <button
        type="button"
        className="quality-badge"
        data-quality={quality}
        aria-label={t(`quality.${quality}`)}
        data-testid="quality"
      >
        {[1, 2, 3].map((bar) => (
          <i key={bar} data-on={bar <= strength[quality]} style={{ height: 4 + bar * 4 }} />
        ))}
      </button>
    </Popover>
  );
}
