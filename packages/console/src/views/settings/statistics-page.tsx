import type { Statistics } from '@aircheck/protocol';
import { useQuery } from '@tanstack/react-query';
import { Skeleton } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';

const refreshMs = 30_000;
const days = 30;
const dayMs = 86_400_000;

/** What is stored, and what was served in the last days. */
export function StatisticsPage() {
  const { t, format } = useLibraryI18n();
  const query = useQuery({
    queryKey: queryKeys.statistics,
    queryFn: ({ signal }) => libraryApi.statistics(signal),
    refetchInterval: refreshMs,
  });
  if (query.error !== null) return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data === undefined) return <Skeleton active />;
  const { files, originalBytes, totalBytes, durationMs, served } = query.data;
  const hours = durationMs / 3_600_000;
  const total = served.reduce((sum, { bytes }) => sum + bytes, 0);
  const tiles: [string, string, string][] = [
    [t('statistics.files'), format.count(files), ''],
    [
      t('statistics.length'),
      hours < 1 ? format.duration(durationMs) : t('statistics.hours', { count: format.number(hours) }),
      '',
    ],
    [
      t('statistics.stored'),
      format.size(totalBytes),
      t('statistics.ofThat', {
        originals: format.size(originalBytes),
        rest: format.size(Math.max(0, totalBytes - originalBytes)),
      }),
    ],
    [
      t('statistics.served'),
      format.size(total),
      t('statistics.requests', { count: format.count(served.reduce((sum, { requests }) => sum + requests, 0)) }),
    ],
  ];
  return (
    <div className="stack" data-testid="statistics">
      <dl className="tiles">
        {tiles.map(([name, value, more]) => (
          <div key={name} className="card">
            <dt className="muted small">{name}</dt>
            <dd className="figures">{value}</dd>
            {more !== '' && <dd className="muted small">{more}</dd>}
          </div>
        ))}
      </dl>
      <section className="card">
        <h4>{t('statistics.perDay')}</h4>
        <ServedChart served={served} />
      </section>
    </div>
  );
}

/** A column for each of the last days; days on which nothing was served stand empty. */
function ServedChart({ served }: { served: Statistics['served'] }) {
  const { t, format } = useLibraryI18n();
  const [shown, setShown] = useState<number>();
  const today = Date.now();
  const columns = Array.from({ length: days }, (_, index) => {
    const day = new Date(today - (days - 1 - index) * dayMs).toISOString().slice(0, 10);
    return served.find((one) => one.day === day) ?? { day, bytes: 0, requests: 0 };
  });
  const most = Math.max(1, ...columns.map(({ bytes }) => bytes));
  const at = columns[shown ?? -1];
  return (
    <figure className="chart">
      <div className="chart-said figures small" aria-live="polite">
        {at === undefined ? (
          <span className="muted">{t('statistics.most', { size: format.size(most === 1 ? 0 : most) })}</span>
        ) : (
          <>
            <b>{format.day(at.day)}</b> {format.size(at.bytes)} ·{' '}
            {t('statistics.requests', { count: format.count(at.requests) })}
          </>
        )}
      </div>
      <div className="chart-columns" onPointerLeave={() => setShown(undefined)}>
        {columns.map(({ day, bytes }, index) => (
          <button
            key={day}
            type="button"
            aria-label={`${format.day(day)}: ${format.size(bytes)}`}
            data-shown={shown === index}
            onPointerEnter={() => setShown(index)}
            onFocus={() => setShown(index)}
            onBlur={() => setShown(undefined)}
          >
            <i style={{ height: bytes === 0 ? 2 : `max(4px, ${(bytes / most) * 100}%)` }} data-empty={bytes === 0} />
          </button>
        ))}
      </div>
      <figcaption className="muted small">
        <span>{format.day(columns[0]?.day ?? '')}</span>
        <span>{t('statistics.today')}</span>
      </figcaption>
    </figure>
  );
}
