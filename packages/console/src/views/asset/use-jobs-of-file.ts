import type { Job } from '@aircheck/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { App } from 'antd';
import { useEffect, useRef } from 'react';
import { queryKeys } from '../../api.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { isOpen, jobName } from '../jobs/job-texts.ts';

const refreshMs = 1_000;
const shown = 100;

/** The jobs of a file, looked at while they run; what they bring is fetched when they end, and said. */
export function useJobsOfFile(fileId: string): readonly Job[] {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const queryClient = useQueryClient();
  const filter = { fileId, limit: shown };
  const jobs = useQuery({
    queryKey: queryKeys.jobs(filter),
    queryFn: ({ signal }) => libraryApi.jobs(filter, signal),
    refetchInterval: ({ state }) => (state.data?.items.some(isOpen) ? refreshMs : false),
  });
  const open = useRef(new Set<string>());
  useEffect(() => {
    const items = jobs.data?.items ?? [];
    const ended = items.filter((job) => !isOpen(job) && open.current.has(job.jobId));
    open.current = new Set(items.filter(isOpen).map(({ jobId }) => jobId));
    if (ended.length === 0) return;
    for (const job of ended.filter(({ parentId }) => parentId === null)) {
      if (job.state === 'done') void message.success(t('jobs.doneToast', { name: jobName(job, t) }));
      if (job.state === 'failed') void message.error(t('jobs.failedToast', { name: jobName(job, t) }));
    }
    const changed = [queryKeys.asset(fileId), queryKeys.derivatives(fileId), queryKeys.playUrls(fileId), ['assets']];
    for (const queryKey of changed) void queryClient.invalidateQueries({ queryKey });
  }, [jobs.data, fileId, queryClient, message, t]);
  return jobs.data?.items ?? [];
}
