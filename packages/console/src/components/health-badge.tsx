import type { Health } from '@aircheck/protocol';
import { Popover } from 'antd';
import { useI18n } from '../i18n/i18n.tsx';
import { CheckIcon } from './icons.tsx';

const shownGaps = 8;

/** Whether something that was sent is missing in a file. */
export function isDamaged(health: Health): boolean {
  return health.lostFrames > 0 || health.gaps.some(({ reason }) => reason === 'loss');
}

/** Whether a file holds all that was sent; a click tells what does not. */
export function HealthBadge({ health }: { health: Health }) {
  const { t } = useI18n();
  const lossGaps = health.gaps.filter(({ reason }) => reason === 'loss').length;
  const damaged = isDamaged(health);
  const absent = health.gapCount - lossGaps;
  const parts = [
    lossGaps > 0 ? t('health.gaps', { count: lossGaps }) : '',
    health.lostFrames > 0 ? t('health.lostFramesShort', { count: health.lostFrames }) : '',
  ].filter((part) => part !== '');
  return (
    <Popover
      content={<HealthDetails health={health} />}
      trigger={['click']}
      placement="bottom"
      title={t('health.title')}
    >
      <button type="button" className="badge badge-button" data-tone={damaged ? 'wait' : 'ok'} data-testid="health">
        {damaged ? <span className="badge-dot" /> : <CheckIcon size={13} />}
        {damaged ? parts.join(' · ') : absent > 0 ? t('health.pauses', { count: absent }) : t('health.complete')}
      </button>
    </Popover>
  );
}

/** All that is known of what a file lacks. */
export function HealthDetails({ health }: { health: Health }) {
  const { t, format } = useI18n();
  const drift = [health.clockDriftPpm.video, health.clockDriftPpm.audio]
    .filter((value) => value !== undefined)
    .map((value) => `${format.number(value)} ppm`)
    .join(' / ');
  const rows: [string, string][] = [
    [t('health.lostPackets'), format.number(health.lostPackets)],
    [t('health.recoveredPackets'), format.number(health.recoveredPackets)],
    [t('health.lostFrames'), format.number(health.lostFrames)],
    [t('health.frozen'), format.milliseconds(health.frozenMs)],
    [t('health.silence'), format.milliseconds(health.silenceMs)],
    [t('health.drift'), drift === '' ? '–' : drift],
    [
      t('health.resolutions'),
      health.resolutionChanges.length === 0
        ? '–'
        : health.resolutionChanges.map(({ width, height }) => `${width}×${height}`).join(' → '),
    ],
  ];
  return (
    <div className="health-details">
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {health.gaps.length > 0 && (
        <>
          <div className="field-label">{t('health.gapList')}</div>
          <ul>
            {health.gaps.slice(0, shownGaps).map((gap) => (
              <li key={`${gap.kind}${gap.atMs}`}>
                <span>{format.duration(gap.atMs)}</span>
                <span>{t(gap.kind === 'video' ? 'health.video' : 'health.audio')}</span>
                <span>{t(gap.reason === 'loss' ? 'health.loss' : 'health.absent')}</span>
                <span>{format.milliseconds(gap.durationMs)}</span>
              </li>
            ))}
          </ul>
          {health.gapCount > shownGaps && <p>{t('health.more', { count: health.gapCount - shownGaps })}</p>}
        </>
      )}
    </div>
  );
}
