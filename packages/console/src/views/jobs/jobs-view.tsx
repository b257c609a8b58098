import type { JobState, JobType } from '@aircheck/protocol';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Button, Segmented, Select, Skeleton } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { TasksIcon } from '../../components/icons.tsx';
import { ProblemAlert } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { JobRow } from './job-row.tsx';
import { isOpen } from './job-texts.ts';
import '../../library.css';

const pageSize = 50;
const refreshMs = 1_500;
const idleRefreshMs = 8_000;
const types: readonly JobType[] = [
  'transcode',
  'aac',
  'snapshot',
  'cover',
  'sprite',
  'concat',
  'clip',
  'procedure',
  'hash',
  'probe',
  'pull',
  'delete',
];
const states: readonly JobState[] = ['waiting', 'running', 'done', 'failed', 'cancelled'];

/** All work on files: what waits, what runs, and what came of it. */
export default function JobsView() {
  const { t } = useLibraryI18n();
  const [state, setState] = useState<JobState>();
  const [type, setType] = useState<JobType>();
  const filter = { ...(state !== undefined && { state }), ...(type !== undefined && { type }), limit: pageSize };
  const query = useInfiniteQuery({
    queryKey: queryKeys.jobs({ ...filter, pages: true }),
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      libraryApi.jobs({ ...filter, ...(pageParam !== '' && { cursor: pageParam }) }, signal),
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchInterval: ({ state: { data } }) =>
      data?.pages.some(({ items }) => items.some(isOpen)) ? refreshMs : idleRefreshMs,
  });
  const jobs = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const filtered = state !== undefined || type !== undefined;
  return (
    <>
      <div className="page-head">
        <div>
          <h1>{t('jobs.title')}</h1>
          <p className="muted">{t('jobs.subtitle')}</p>
        </div>
      </div>
      <div className="filter-bar">
        <Segmented<JobState | 'all'>
          className="scrolling"
          value={state ?? 'all'}
          onChange={(value) => setState(value === 'all' ? undefined : value)}
          options={[
            { value: 'all', label: t('filter.all') },
            ...states.map((value) => ({ value, label: t(`jobState.${value}`) })),
          ]}
        />
        <div className="spacer" />
        <Select<JobType>
          className="type-select"
          allowClear
          {...(type !== undefined && { value: type })}
          onChange={(value) => setType(value)}
          placeholder={t('jobs.anyType')}
          aria-label={t('jobs.type')}
          options={types.map((value) => ({ value, label: t(`job.${value}`) }))}
        />
      </div>
      {query.error !== null && <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending ? (
        <div className="card">
          <Skeleton active paragraph={{ rows: 6 }} title={false} />
        </div>
      ) : jobs.length === 0 ? (
        query.error === null && (
          <EmptyState
            icon={<TasksIcon size={26} />}
            title={t(filtered ? 'jobs.noneTitle' : 'jobs.emptyTitle')}
            text={t(filtered ? 'jobs.noneText' : 'jobs.emptyText')}
          />
        )
      ) : (
        <ul className="job-list card" data-testid="jobs">
          {jobs.map((job) => (
            <JobRow key={job.jobId} job={job} withFile />
          ))}
        </ul>
      )}
      {query.hasNextPage && (
        <div className="load-more">
          <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t('action.more')}
          </Button>
        </div>
      )}
    </>
  );
}
