import type { Asset } from '@aircheck/protocol';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Button, Checkbox, Skeleton } from 'antd';
import { useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { BackIcon, TrashIcon } from '../../components/icons.tsx';
import { ProblemAlert, useProblemToast } from '../../components/problem.tsx';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { addressOf } from '../../router.ts';
import { AssetCover } from '../library/asset-cover.tsx';
import { AssetDialog, type AssetTask } from '../library/asset-dialogs.tsx';
import { allAssets } from '../library/csv-export.ts';
import { lastSearch } from '../library/last-search.ts';
import '../../library.css';

const pageSize = 50;
const dayMs = 86_400_000;

/** Deleted files that can still be had back. */
export default function RecycleBinView() {
  const { t } = useLibraryI18n();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [task, setTask] = useState<AssetTask>();
  const [counting, setCounting] = useState(false);
  const showProblem = useProblemToast();
  const filter = { state: 'recycled' as const, limit: pageSize };
  const settings = useQuery({ queryKey: queryKeys.settings, queryFn: ({ signal }) => libraryApi.settings(signal) });
  const query = useInfiniteQuery({
    queryKey: queryKeys.assets(filter),
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      libraryApi.assets({ ...filter, ...(pageParam !== '' && { cursor: pageParam }) }, signal),
    getNextPageParam: ({ nextCursor }) => nextCursor,
  });
  const assets = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const chosen = assets.filter(({ fileId }) => selected.has(fileId));
  const days = settings.data?.recycleDays;
  const toggle = (fileId: string, on: boolean) => {
    const next = new Set(selected);
    if (on) next.add(fileId);
    else next.delete(fileId);
    setSelected(next);
  };
  const askToDelete = async () => {
    if (chosen.length > 0) return setTask({ kind: 'delete-now', assets: chosen });
    // The bin may hold more than what is shown.
    setCounting(true);
    try {
      setTask({ kind: 'delete-now', assets: await allAssets({ state: 'recycled' }) });
    } catch (error) {
      showProblem(error);
    }
    setCounting(false);
  };
  return (
    <>
      <div className="page-head">
        <div>
          <a className="back-link" href={addressOf.library(lastSearch.value)}>
            <BackIcon size={17} />
            {t('library.title')}
          </a>
          <h1>{t('bin.title')}</h1>
          <p className="muted">
            {days === undefined ? t('bin.subtitle') : t(days === 0 ? 'bin.off' : 'bin.days', { count: days })}
          </p>
        </div>
        {assets.length > 0 && (
          <div className="row">
            <Button
              disabled={chosen.length === 0}
              onClick={() => setTask({ kind: 'restore', assets: chosen })}
              data-testid="restore-selected"
            >
              {t('task.restore')}
            </Button>
            <Button danger loading={counting} onClick={() => void askToDelete()}>
              {t(chosen.length === 0 ? 'bin.empty' : 'task.delete-now')}
            </Button>
          </div>
        )}
      </div>
      {query.error !== null && <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />}
      {query.isPending ? (
        <div className="card">
          <Skeleton active paragraph={{ rows: 5 }} title={false} />
        </div>
      ) : assets.length === 0 ? (
        query.error === null && (
          <EmptyState icon={<TrashIcon size={26} />} title={t('bin.emptyTitle')} text={t('bin.emptyText')} />
        )
      ) : (
        <ul className="card bin-list" data-testid="bin">
          {assets.map((asset) => (
            <BinRow
              key={asset.fileId}
              asset={asset}
              days={days}
              selected={selected.has(asset.fileId)}
              onToggle={(on) => toggle(asset.fileId, on)}
              onTask={(kind) => setTask({ kind, assets: [asset] })}
            />
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
      {task !== undefined && (
        <AssetDialog
          key={task.kind}
          task={task}
          onClose={() => setTask(undefined)}
          onDone={() => setSelected(new Set())}
        />
      )}
    </>
  );
}

interface BinRowProps {
  readonly asset: Asset;
  readonly days: number | undefined;
  readonly selected: boolean;
  onToggle(on: boolean): void;
  onTask(kind: 'restore' | 'delete-now'): void;
}

function BinRow({ asset, days, selected, onToggle, onTask }: BinRowProps) {
  const { t, format } = useLibraryI18n();
  const { fileId, fileName, recycledAt } = asset;
  const leftMs =
    recycledAt === null || days === undefined ? undefined : Date.parse(recycledAt) + days * dayMs - Date.now();
  return (
    <li className="bin-row" data-testid={`recycled-${fileId}`}>
      <Checkbox
        checked={selected}
        onChange={(event) => onToggle(event.target.checked)}
        aria-label={t('library.select', { name: fileName })}
      />
      <AssetCover asset={asset} />
      <div className="asset-name-text">
        <a className="ellipsis asset-link" href={addressOf.asset(fileId)}>
          {fileName}
        </a>
        <span className="muted small figures">
          {[
            recycledAt !== null && t('bin.deletedAt', { time: format.dateTime(recycledAt) }),
            leftMs !== undefined && t('bin.left', { count: Math.max(0, Math.ceil(leftMs / dayMs)) }),
            format.size(asset.sizeBytes),
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </div>
      <Button size="small" onClick={() => onTask('restore')} data-testid={`restore-${fileId}`}>
        {t('task.restore')}
      </Button>
      <Button
        size="small"
        type="text"
        danger
        icon={<TrashIcon size={16} />}
        aria-label={`${t('task.delete-now')} ${fileName}`}
        onClick={() => onTask('delete-now')}
      />
    </li>
  );
}
