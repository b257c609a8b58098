import type { Job } from '@aircheck/protocol';
import { EmptyState } from '../../components/empty-state.tsx';
import { TasksIcon } from '../../components/icons.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { JobRow } from '../jobs/job-row.tsx';

/** What was, is and will be done with the file. */
export function JobsTab({ jobs }: { jobs: readonly Job[] }) {
  const { t } = useLibraryI18n();
  if (jobs.length === 0) {
    return <EmptyState icon={<TasksIcon size={26} />} title={t('jobs.emptyTitle')} text={t('jobs.emptyOfFile')} />;
  }
  return (
    <ul className="job-list">
      {jobs.map((job) => (
        <JobRow key={job.jobId} job={job} withFile={false} />
      ))}
    </ul>
  );
}
