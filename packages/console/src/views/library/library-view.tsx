import type { Asset } from '@aircheck/protocol';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { App, Button, Dropdown, Select, Skeleton } from 'antd';
import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { queryKeys } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { CloseIcon, DownloadIcon, LibraryIcon, LinkIcon, TrashIcon, UploadIcon } from '../../components/icons.tsx';
import { ProblemAlert, useProblemToast } from '../../components/problem.tsx';
import { useMedia } from '../../components/use-media.ts';
import { useLibraryI18n } from '../../i18n/library-i18n.ts';
import { libraryApi } from '../../library-api.ts';
import { addressOf, navigate, replaceAddress } from '../../router.ts';
import { addUploads } from '../uploads/uploads.ts';
import { AssetDialog, type AssetTask } from './asset-dialogs.tsx';
import { formatFilter, isGrowing, type LibraryFilter, parseFilter, toQuery } from './asset-filter.ts';
import { AssetCards, AssetTable } from './asset-list.tsx';
import { ClassTree } from './class-tree.tsx';
import { className, classPath, filesIn } from './classes.ts';
import { allAssets, saveAssets } from './csv-export.ts';
import { FilterBar, type Layout } from './filter-bar.tsx';
import { lastSearch } from './last-search.ts';
import { useClasses } from './use-classes.ts';
import '../../library.css';

const PullDialog = lazy(() => import('../uploads/pull-dialog.tsx'));

const pageSize = 40;
const refreshMs = 3_000;
const layoutKey = 'aircheck.layout';

/** All files: by class, searched, filtered, and changed one by one or many at once. */
export default function LibraryView({ search }: { search: string }) {
  const { t } = useLibraryI18n();
  const classes = useClasses();
  const withTree = useMedia('(min-width: 1000px)');
  const wide = useMedia('(min-width: 1160px)');
  const [chosenLayout, setLayout] = useState<Layout>(() =>
    localStorage.getItem(layoutKey) === 'cards' ? 'cards' : 'table',
  );
  const layout = wide ? chosenLayout : 'cards';
  const filter = parseFilter(search);
  useEffect(() => {
    lastSearch.value = search;
  }, [search]);
  const query = useAssets(filter);
  const assets = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const total = query.data?.pages[0]?.total;
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [task, setTask] = useState<AssetTask>();
  const setFilter = useCallback((changed: LibraryFilter) => {
    setSelected(new Set());
    replaceAddress(addressOf.library(formatFilter(changed)));
  }, []);
  const selectClass = (classId: number | undefined) => {
    const { classId: _, ...rest } = filter;
    setFilter(classId === undefined ? rest : { ...rest, classId });
  };
  const chosen = assets.filter(({ fileId }) => selected.has(fileId));
  const filtered = formatFilter({ ...filter, sort: '-startedAt' }) !== '';
  return (
    <DropTarget classId={filter.classId}>
      <div className="page-head">
        <div>
          <h1>{filter.classId === undefined ? t('library.title') : classPath(classes, filter.classId, t)}</h1>
          <p className="muted">
            {total === undefined || total === 0 ? t('library.subtitle') : t('library.count', { count: total })}
          </p>
        </div>
        <HeadActions filter={filter} />
      </div>
      <div className="library" data-tree={withTree}>
        {withTree ? (
          <ClassTree selected={filter.classId} onSelect={selectClass} />
        ) : (
          <Select<number>
            className="class-chooser"
            value={filter.classId ?? -1}
            onChange={(value) => selectClass(value === -1 ? undefined : value)}
            aria-label={t('library.class')}
            options={[
              { value: -1, label: t('library.all') },
              ...classes.map((one) => ({
                value: one.classId,
                label: `${'\u2003'.repeat(one.level - 1)}${className(one, t)} (${filesIn(classes, one.classId)})`,
              })),
            ]}
          />
        )}
        <section className="library-main">
          <FilterBar
            filter={filter}
            onFilter={setFilter}
            layout={layout}
            {...(wide && {
              onLayout: (value: Layout) => {
                localStorage.setItem(layoutKey, value);
                setLayout(value);
              },
            })}
          />
          {query.error !== null && <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />}
          {query.isPending ? (
            <div className="card">
              <Skeleton active paragraph={{ rows: 8 }} title={false} />
            </div>
          ) : assets.length === 0 ? (
            query.error === null && (
              <EmptyState
                icon={<LibraryIcon size={26} />}
                title={t(filtered ? 'library.notFoundTitle' : 'library.emptyTitle')}
                text={t(filtered ? 'library.notFoundText' : 'library.emptyText')}
                action={
                  filtered ? (
                    <Button onClick={() => navigate(addressOf.library())}>{t('filter.clear')}</Button>
                  ) : (
                    <Button href={addressOf.rooms()}>{t('library.toRooms')}</Button>
                  )
                }
              />
            )
          ) : layout === 'table' ? (
            <AssetTable
              assets={assets}
              selected={selected}
              onSelect={setSelected}
              onTask={(kind, asset) => setTask({ kind, assets: [asset] })}
              sort={filter.sort ?? '-startedAt'}
              onSort={(sort) => setFilter({ ...filter, sort: sort ?? '-startedAt' })}
            />
          ) : (
            <AssetCards
              assets={assets}
              selected={selected}
              onSelect={setSelected}
              onTask={(kind, asset) => setTask({ kind, assets: [asset] })}
            />
          )}
          {query.hasNextPage && (
            <div className="load-more">
              <Button
                loading={query.isFetchingNextPage}
                onClick={() => void query.fetchNextPage()}
                data-testid="load-more"
              >
                {t('action.more')}
              </Button>
            </div>
          )}
        </section>
      </div>
      {chosen.length > 0 && (
        <BulkBar
          assets={chosen}
          onTask={(kind) => setTask({ kind, assets: chosen })}
          onExport={() => saveAssets(chosen, classes, t)}
          onClear={() => setSelected(new Set())}
        />
      )}
      {task !== undefined && (
        <AssetDialog
          key={task.kind}
          task={task}
          onClose={() => setTask(undefined)}
          onDone={() => {
            if (task.kind === 'delete') setSelected(new Set());
          }}
        />
      )}
    </DropTarget>
  );
}

/** Files that pass a filter, page by page; looked at again while one of them grows. */
function useAssets(filter: LibraryFilter) {
  const query = { ...toQuery(filter), limit: pageSize };
  return useInfiniteQuery({
    queryKey: queryKeys.assets(query),
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      libraryApi.assets({ ...query, ...(pageParam !== '' && { cursor: pageParam }) }, signal),
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (state.data?.pages.some(({ items }) => items.some(isGrowing)) ? refreshMs : false),
  });
}

function HeadActions({ filter }: { filter: LibraryFilter }) {
  const { t } = useLibraryI18n();
  const classes = useClasses();
  const showProblem = useProblemToast();
  const [exporting, setExporting] = useState(false);
  const [pulling, setPulling] = useState(false);
  const chooseFiles = () => {
    const input = document.createElement('input');
    input.type = 'file';
    input.multiple = true;
    input.accept = 'video/*,audio/*,.mkv,.flv,.ts,.m4a';
    input.onchange = () => addUploads([...(input.files ?? [])], filter.classId ?? 0);
    input.click();
  };
  const exportAll = async () => {
    setExporting(true);
    try {
      saveAssets(await allAssets(toQuery(filter)), classes, t);
    } catch (error) {
      showProblem(error);
    }
    setExporting(false);
  };
  return (
    <div className="row head-actions">
      <Button icon={<TrashIcon />} href={addressOf.recycleBin()} aria-label={t('bin.title')} data-testid="recycle-bin">
        <span className="wide-only">{t('bin.title')}</span>
      </Button>
      <Button icon={<DownloadIcon />} loading={exporting} onClick={exportAll} data-testid="export-csv">
        CSV
      </Button>
      <Dropdown.Button
        type="primary"
        className="upload-button"
        trigger={['click']}
        onClick={chooseFiles}
        menu={{
          items: [
            { key: 'files', icon: <UploadIcon />, label: t('upload.files'), onClick: chooseFiles },
            { key: 'pull', icon: <LinkIcon />, label: t('upload.pull'), onClick: () => setPulling(true) },
          ],
        }}
      >
        <UploadIcon /> {t('upload.upload')}
      </Dropdown.Button>
      {pulling && (
        <Suspense>
          <PullDialog classId={filter.classId ?? 0} onClose={() => setPulling(false)} />
        </Suspense>
      )}
    </div>
  );
}

interface BulkBarProps {
  readonly assets: readonly Asset[];
  onTask(kind: AssetTask['kind']): void;
  onExport(): void;
  onClear(): void;
}

function BulkBar({ assets, onTask, onExport, onClear }: BulkBarProps) {
  const { t } = useLibraryI18n();
  return (
    <div
      className="bulk-bar"
      role="toolbar"
      aria-label={t('library.selected', { count: assets.length })}
      data-testid="bulk-bar"
    >
      <b>{t('library.selected', { count: assets.length })}</b>
      <Button onClick={() => onTask('class')}>{t('task.class')}</Button>
      <Button onClick={() => onTask('tags')}>{t('task.tags')}</Button>
      <Button disabled={assets.some(({ state }) => state !== 'ready')} onClick={() => onTask('transcode')}>
        {t('task.transcode')}
      </Button>
      <Button onClick={onExport}>CSV</Button>
      <Button danger disabled={assets.some(({ state }) => state === 'recording')} onClick={() => onTask('delete')}>
        {t('action.delete')}
      </Button>
      <Button type="text" icon={<CloseIcon />} aria-label={t('library.unselect')} onClick={onClear} />
    </div>
  );
}

/** The page as a place to drop files on. */
function DropTarget({ classId, children }: { classId: number | undefined; children: React.ReactNode }) {
  const { t } = useLibraryI18n();
  const { message } = App.useApp();
  const [over, setOver] = useState(false);
  const holdsFiles = (event: React.DragEvent) => event.dataTransfer.types.includes('Files');
  return (
    <section
      aria-label={t('library.title')}
      onDragOver={(event) => {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
      }}
      onDrop={(event) => {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        setOver(false);
        const files = [...event.dataTransfer.files].filter(({ size }) => size > 0);
        if (files.length === 0) void message.warning(t('upload.nothing'));
        else addUploads(files, classId ?? 0);
      }}
    >
      {children}
      {over && (
        <div className="drop-veil">
          <UploadIcon size={34} />
          {t('upload.drop')}
        </div>
      )}
    </section>
  );
}
