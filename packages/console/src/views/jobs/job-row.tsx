import type { Job } from '@aircheck/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Button, Progress, Tooltip } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { CloseIcon, RedoIcon } from '../../components/icons.tsx';
import { useProblemToast } from '../../components/problem.tsx';
import { dictionaries, type MessageKey } from '../../i18n/dictionary.ts';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { addressOf } from '../../router.ts';
import { isOpen, jobName, jobTones } from './job-texts.ts';

const namesFreshMs = 60_000;

/** One job: what it does, how far it is, what came of it; stopped or done again by its buttons. */
export function JobRow({ job, withFile }: { job: Job; withFile: boolean }) {
  const { t, format } = useLibraryI18n();
  const queryClient = useQueryClient();
  const showProblem = useProblemToast();
  const [busy, setBusy] = useState(false);
  const act = async (action: () => Promise<unknown>) => {
    setBusy(true);
    try {
      await action();
    } catch (error) {
      showProblem(error);
    }
    await queryClient.invalidateQueries({ queryKey: ['jobs'] });
    setBusy(false);
  };
  const made = job.output?.fileId;
  const took =
    job.startedAt !== null && job.finishedAt !== null
      ? format.milliseconds(Date.parse(job.finishedAt) - Date.parse(job.startedAt))
      : undefined;
  return (
    <li className="job-row" data-state={job.state} data-testid={`job-${job.type}`}>
      <div className="job-text">
        <div className="job-title">
          <b>{jobName(job, t)}</b>
          {withFile && job.fileId !== null && <FileLink fileId={job.fileId} />}
          {made !== undefined && made !== job.fileId && (
            <a className="asset-link small" href={addressOf.asset(made)} data-testid="job-result">
              {t('jobs.openResult')}
            </a>
          )}
        </div>
        <span className="muted small figures">
          {[
            format.dateTime(job.createdAt),
            took && t('jobs.took', { time: took }),
            job.attempts > 1 && t('jobs.attempts', { count: job.attempts }),
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
        {job.error !== null && <JobError error={job.error} />}
        {job.state === 'running' && <Progress percent={Math.round(job.progress)} size="small" />}
      </div>
      <span className="badge" data-tone={jobTones[job.state]}>
        <span className="badge-dot" />
        {t(`jobState.${job.state}`)}
      </span>
      {isOpen(job) ? (
        <Tooltip title={t('jobs.cancel')}>
          <Button
            type="text"
            size="small"
            loading={busy}
            icon={<CloseIcon size={16} />}
            aria-label={`${t('jobs.cancel')} ${jobName(job, t)}`}
            onClick={() => void act(() => libraryApi.cancelJob(job.jobId))}
          />
        </Tooltip>
      ) : (
        <Tooltip title={t('jobs.redo')}>
          <Button
            type="text"
            size="small"
            loading={busy}
            icon={<RedoIcon size={16} />}
            aria-label={`${t('jobs.redo')} ${jobName(job, t)}`}
            disabled={job.state === 'done'}
            onClick={() => void act(() => libraryApi.redoJob(job.jobId))}
          />
        </Tooltip>
      )}
    </li>
  );
}

/** The file by its name; by its id where it is gone. */
function FileLink({ fileId }: { fileId: string }) {
  const asset = useQuery({
    queryKey: queryKeys.asset(fileId),
    queryFn: ({ signal }) => libraryApi.asset(fileId, signal),
    staleTime: namesFreshMs,
    retry: false,
  });
  return (
    <a className="asset-link small ellipsis" href={addressOf.asset(fileId)}>
      {asset.data?.fileName ?? <code>{fileId}</code>}
    </a>
  );
}

/** Why a job failed: in the reader's language what it is, in the server's words what it was. */
function JobError({ error }: { error: NonNullable<Job['error']> }) {
  const { t, language } = useLibraryI18n();
  const key = `error.${error.code}`;
  const known = key in dictionaries[language];
  return (
    <span className="job-error small">
      {known && <b>{t(key as MessageKey)}: </b>}
      {error.detail}
    </span>
  );
}
